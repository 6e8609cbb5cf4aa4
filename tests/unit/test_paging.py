"""Cursors that only we can make sense of, and pages that know whether there is another."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.kit.paging import CURSOR_MAX, BadCursor, CursorKind, CursorValues, Page, page_of

BY_TITLE = CursorKind("tracks.title", (str, int))
INTS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)


def packed(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


class TestCursorKind:
    @given(st.none() | TEXTS, st.none() | INTS)
    def test_what_went_in_comes_out(self, title: str | None, track_id: int | None) -> None:
        text = BY_TITLE.encode((title, track_id))

        assert BY_TITLE.decode(text) == (title, track_id)
        assert text.replace("-", "").replace("_", "").isalnum()

    @given(st.text(max_size=200))
    def test_strange_text_is_no_cursor(self, text: str) -> None:
        with pytest.raises(BadCursor):
            BY_TITLE.decode(text)

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="empty"),
            pytest.param("a" * (CURSOR_MAX + 1), id="too long"),
            pytest.param(urlsafe_b64encode(b"[" * 3000).decode(), id="nested"),
            pytest.param(urlsafe_b64encode(b"9" * 3000).decode(), id="a number"),
            pytest.param(packed([2, "tracks.title", "a", 1]), id="another version"),
            pytest.param(packed([True, "tracks.title", "a", 1]), id="a version in disguise"),
            pytest.param(packed([1, "albums.title", "a", 1]), id="another list"),
            pytest.param(packed([1, "tracks.title", "a"]), id="a value short"),
            pytest.param(packed([1, "tracks.title", 1, "a"]), id="types swapped"),
            pytest.param(packed([1, "tracks.title", "a", True]), id="a bool"),
            pytest.param(packed([1, "tracks.title", "a", 1.5]), id="a float"),
            pytest.param(packed([1, "tracks.title", "a", 2**63]), id="beyond 64 bits"),
            pytest.param(packed([1, "tracks.title", "\0", 1]), id="a NUL"),
            pytest.param(packed([1, "tracks.title", "\ud800", 1]), id="a lone surrogate"),
            pytest.param(packed([1, "tracks.title", ["a"], 1]), id="a list"),
            pytest.param(packed({"tracks.title": 1}), id="an object"),
            pytest.param(BY_TITLE.encode(("a", 1)) + "=", id="padded"),
            pytest.param(" " + BY_TITLE.encode(("a", 1)), id="a space before"),
        ],
    )
    def test_a_foreign_cursor_is_refused(self, text: str) -> None:
        with pytest.raises(BadCursor):
            BY_TITLE.decode(text)

    @pytest.mark.parametrize("values", [("a",), (1, "a"), ("a" * CURSOR_MAX, 1), ("\ud800", 1), ("a", 2**63)])
    def test_a_position_that_is_not_of_the_kind_is_refused(self, values: CursorValues) -> None:
        with pytest.raises(BadCursor):
            BY_TITLE.encode(values)


class TestPageOf:
    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_the_last_page_has_no_cursor(self, count: int) -> None:
        rows = [("a", 1), ("b", 2)][:count]

        assert page_of(rows, 2, BY_TITLE, lambda row: row) == Page(rows, None)

    def test_a_page_before_others_points_behind_its_last_row(self) -> None:
        page = page_of([("a", 1), ("b", 2), ("c", 3)], 2, BY_TITLE, lambda row: row)

        assert page.items == [("a", 1), ("b", 2)]
        assert BY_TITLE.decode(page.next_cursor or "") == ("b", 2)
