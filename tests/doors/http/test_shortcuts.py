"""Paths that are answered before the framework: who is asked, and what becomes of a failure."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from litestar.types import HTTPScope, Receive, Send

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.answers import Field, OpenFile
from tutti.doors.http.app import Door, assemble
from tutti.doors.http.express import AtHand, Express
from tutti.doors.http.outer import Outer
from tutti.doors.http.pages import FilePages
from tutti.doors.http.shortcuts import Shortcut, finder
from tutti.doors.native.errors import STATUSES, render
from tutti.settings import Settings
from tutti.wiring.server import _config

PATTERN = re.compile(r"/songs/([a-z]+)")
HERE = AtHand(OpenFile(0, 0, '"a"', "", "audio/flac", "a.flac", "inline", "no-cache"), (), None)


async def answered(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of an answer to a request on whose path the handler fails."""

    async def fail(_scope: HTTPScope, _receive: Receive, _send: Send, _ref: str) -> None:
        raise error

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    shortcut = Shortcut(PATTERN, fail)
    app, errors = assemble([Door("native", ("/",), (), STATUSES, render, (shortcut,))])
    scope: Any = {"type": "http", "method": "GET", "path": "/songs/one", "headers": [], "query_string": b""}
    await Outer(app, errors, [shortcut])(scope, _nothing, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def _nothing() -> Any:
    return {"type": "http.disconnect"}


async def test_a_refusal_has_its_status() -> None:
    status, said = await answered(AppError(ErrorKind.GONE, "file_missing", "The file is gone."))

    assert (status, said["code"]) == (410, "file_missing")


async def test_a_fault_of_ours_is_500_and_tells_nothing_of_its_inside() -> None:
    status, said = await answered(ValueError("/secret/path"))

    assert (status, said["code"]) == (500, "internal_error")
    assert said["request_id"]
    assert "secret" not in str(said)


class TestFinder:
    def test_a_path_is_reached_with_its_part_its_query_and_the_fields(self) -> None:
        asked: list[object] = []

        def reach(ref: str, query: bytes, fields: Sequence[Field]) -> AtHand | None:
            asked.append((ref, query, fields))
            return HERE

        find = finder([Shortcut(PATTERN, _never, reach)])

        assert find(b"/songs/one?a=b", [(b"x", b"y")]) is HERE
        assert asked == [("one", b"a=b", [(b"x", b"y")])]

    @pytest.mark.parametrize("target", [b"/", b"/songs/", b"/songs/%6fne", b"/songs/one/more", b"/songs/\xff", b"?"])
    def test_any_other_target_is_not_at_hand(self, target: bytes) -> None:
        assert finder([Shortcut(PATTERN, _never, lambda *_: HERE)])(target, []) is None

    def test_what_reaches_nothing_is_left_to_its_handler(self) -> None:
        assert finder([Shortcut(PATTERN, _never)])(b"/songs/one", []) is None


def test_the_connections_of_the_server_are_given_the_express(pages: FilePages) -> None:
    """It was built and tested once, and no connection had it."""
    express = Express(finder([]), pages)
    app, errors = assemble([Door("native", ("/",), (), STATUSES, render)])

    protocol: Any = _config(Settings(), Outer(app, errors, ()), express).http

    assert protocol.express is express


async def _never(_scope: HTTPScope, _receive: Receive, _send: Send, _ref: str) -> None:
    raise AssertionError
