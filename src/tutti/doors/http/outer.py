"""The outermost layer: gives requests their id, takes some past the framework, gives answers their safe fields."""

import time
from collections.abc import Sequence

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from tutti.domain.errors import AppError
from tutti.domain.origin import Origin, arrive
from tutti.doors.http.answers import Field
from tutti.doors.http.app import Errors, identify, request_id
from tutti.doors.http.meter import Route
from tutti.doors.http.metrics import MEDIA_TYPE, Metrics
from tutti.doors.http.metrics import PATH as METRICS
from tutti.doors.http.shortcuts import Shortcut

_log = structlog.get_logger()
_SAFE_FIELDS: Sequence[tuple[bytes, bytes]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)
_API_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Outer:
    """The ASGI application that the server runs."""

    def __init__(
        self, app: Litestar, errors: Errors, shortcuts: Sequence[Shortcut], metrics: Metrics | None = None
    ) -> None:
        """Keep what answers; without metrics nothing is counted."""
        self._metrics = metrics
        self._app = app
        self._errors = errors
        self._shortcuts = shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = identity = identify(scope["headers"])
        client = scope.get("client")  # the peer, or whom a trusted proxy speaks for
        door = self._errors.door_of(scope["path"])
        arrive(Origin(door, "" if client is None else client[0], identity))
        if self._metrics is None:
            await self._answer(scope, receive, send, door)
            return
        began, route = time.monotonic(), Route(door, "")
        try:
            route = await self._answer(scope, receive, send, door)
        finally:
            status, sent_bytes = scope["state"].get("answered", (0, 0))
            self._metrics.meter.note(route, status, sent_bytes, time.monotonic() - began)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send, door: str) -> Route:
        """Answer one request; return what it is counted by."""
        identity = request_id(scope)
        if self._metrics is not None and scope["path"] == METRICS and self._metrics.may_read(scope):
            await self._tell(self._metrics, scope, send)  # to everybody else it is a path that does not exist
            return Route(door, METRICS)
        for shortcut in self._shortcuts:
            match = shortcut.pattern.fullmatch(scope["path"])
            if match is not None:
                await self._short(shortcut, match[1], scope, receive, send)
                return shortcut.route
        structlog.contextvars.bind_contextvars(request_id=identity)
        try:
            return Route(door, await self._framework(scope, receive, send))
        finally:
            structlog.contextvars.unbind_contextvars("request_id")

    async def _tell(self, metrics: Metrics, scope: HTTPScope, send: Send) -> None:
        try:
            body = await metrics.text()
        except AppError as error:
            await self._failed(error, scope, send)
            return
        fields = [(b"content-type", MEDIA_TYPE), (b"content-length", b"%d" % len(body))]
        await self._finish(scope, send, 200, fields, body)

    async def _short(self, shortcut: Shortcut, ref: str, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await self._failed(MethodNotAllowedException(headers={"allow": "GET"}), scope, send)
            return
        try:
            await shortcut.handler(scope, receive, send, ref)
        except Exception as error:  # noqa: BLE001 - it failed before it sent anything, as `ShortHandler` says
            await self._failed(error, scope, send)

    async def _failed(self, error: Exception, scope: HTTPScope, send: Send) -> None:
        rendered = self._errors.render(scope["path"], request_id(scope), error)
        fields = [(name.encode(), value.encode()) for name, value in rendered.headers.items()]
        fields += [(b"content-type", rendered.media_type.encode()), (b"content-length", b"%d" % len(rendered.body))]
        await self._finish(scope, send, rendered.status, fields, rendered.body)

    async def _finish(self, scope: HTTPScope, send: Send, status: int, fields: Sequence[Field], body: bytes) -> None:
        answer = _Finished(send, request_id(scope), is_head=scope["method"] == "HEAD")
        await answer({"type": "http.response.start", "status": status, "headers": fields})
        await answer({"type": "http.response.body", "body": body, "more_body": False})
        scope["state"]["answered"] = status, answer.sent_bytes

    async def _framework(self, scope: HTTPScope, receive: Receive, send: Send) -> str:
        """Answer by a route; return its template, empty where there is none."""
        began = time.monotonic()
        is_head = scope["state"]["is_head"] = scope["method"] == "HEAD"
        answer = _Finished(send, request_id(scope), is_head=is_head)
        # HEAD is GET without the body (RFC 9110 9.3.2), on every route, so no route needs to say so. The server keeps
        # its own scope, by which it knows that no body follows.
        inner: HTTPScope = {**scope, "method": "GET"} if is_head else scope
        try:
            await self._app(inner, receive, answer)
        finally:
            scope["state"].setdefault("answered", (answer.status, answer.sent_bytes))
        took_ms = round((time.monotonic() - began) * 1000, 1)
        _log.debug(
            "request.answered", method=scope["method"], path=scope["path"], status=answer.status, took_ms=took_ms
        )
        return str(inner.get("path_template", ""))


class _Finished:
    """Sends what the framework sends, with the fields every answer has, and no body to HEAD."""

    def __init__(self, send: Send, request_id: str, *, is_head: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._is_head = is_head
        self.status = 0
        self.sent_bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields = [(name, _with_head(value) if name == b"allow" else value) for name, value in message["headers"]]
            named = {name.lower() for name, _ in fields}
            fields.extend(field for field in (*_SAFE_FIELDS, _API_CSP) if field[0] not in named)
            fields.append((b"x-request-id", self._request_id.encode()))
            message["headers"] = fields
        elif message["type"] == "http.response.body" and self._is_head:
            message["body"] = b""
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message["body"])
        await self._send(message)


def _with_head(allowed: bytes) -> bytes:
    """Add what every GET allows too to the methods of a path."""
    return allowed + b", HEAD" if b"GET" in allowed and b"HEAD" not in allowed else allowed
