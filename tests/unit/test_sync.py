"""Folders as clients name them, rules as they are stored, positions as devices carry them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.domain.sync import (
    CURSOR_MAX,
    FOLDER_MAX,
    NOTHING,
    Keep,
    Line,
    Part,
    Position,
    clean_folder,
    keep_of,
    position_of,
    stamped,
)
from tutti.kit.paging import BadCursor
from tutti.kit.text import clean

IDS = st.lists(st.uuids(), max_size=3).map(tuple)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(lambda found: found.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware right here
LINES = st.none() | st.just(NOTHING) | st.builds(Line, MOMENTS, st.integers(0, 2**62))
PARTS = st.dictionaries(st.uuids(), st.builds(Part, st.integers(0, 2**31 - 1), st.integers(0, 2**61)), max_size=4)
POSITIONS = st.builds(Position, st.integers(0, 2**31 - 1), LINES, st.booleans(), PARTS)


class TestFolder:
    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            ("", ""),
            ("Albums/First", "Albums/First"),
            ("/Albums//First/", "Albums/First"),
            ("../../etc/./passwd", "etc/passwd"),
            ("Albums\\First", "Albums/First"),
            (" a / b\t/\0/c", "a/b/c"),
            (".../.hidden", ".../.hidden"),
            ("x" * 300, "x" * 255),
        ],
    )
    def test_it_is_cleaned(self, said: str, kept: str) -> None:
        assert clean_folder(said) == kept

    @given(st.text(max_size=300) | st.lists(st.text(max_size=80), max_size=90).map("/".join))
    def test_whatever_is_said_it_is_relative_and_bounded(self, said: str) -> None:
        kept = clean_folder(said)

        assert len(kept) <= FOLDER_MAX
        assert kept == clean_folder(kept)
        assert not kept or all(part not in {"", ".", ".."} and part == clean(part, 255) for part in kept.split("/"))


class TestKeep:
    @given(st.builds(Keep, st.none() | IDS, IDS, IDS, IDS, IDS, st.none() | st.integers(0, 2**62)))
    def test_it_is_read_as_it_was_stored(self, keep: Keep) -> None:
        assert keep_of(keep.to_text()) == keep

    def test_everything_is_nothing_to_store(self) -> None:
        assert Keep().to_text() == ""
        assert keep_of("") == Keep()


class TestStamped:
    STAMPS = st.lists(st.tuples(st.uuids(), st.integers(0, 2**61)), max_size=3)

    @given(st.integers(0, 2**31 - 1), STAMPS, STAMPS)
    def test_other_revisions_are_another_tag_that_fits_a_position(
        self, keep_tag: int, one: list[tuple[UUID, int]], two: list[tuple[UUID, int]]
    ) -> None:
        tags = stamped(keep_tag, one), stamped(keep_tag, two)

        assert (tags[0] == tags[1]) == (one == two)
        assert position_of(Position(tags[0]).to_text()).keep_tag == tags[0]


class TestPosition:
    @given(POSITIONS)
    def test_it_comes_back_as_it_was(self, position: Position) -> None:
        assert position_of(position.to_text()) == position

    @given(st.text(max_size=100) | st.binary(max_size=100).map(lambda data: data.hex()))
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(BadCursor):
            position_of(text)

    @given(POSITIONS, st.data())
    def test_what_was_changed_is_another_or_refused(self, position: Position, data: st.DataObject) -> None:
        text = position.to_text()
        place = data.draw(st.integers(0, len(text) - 1))
        other = text[:place] + data.draw(st.sampled_from("Aa0-_=+ ")) + text[place + 1 :]

        try:
            found = position_of(other)
        except BadCursor:
            return
        assert found.to_text() == other

    def test_one_of_many_libraries_is_short_enough(self) -> None:
        few = Position(1, Line(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1), 7), parts=_parts(15))

        assert len(few.to_text()) < 700
        assert len(Position(parts=_parts(1000)).to_text()) < CURSOR_MAX

    def test_one_that_is_too_long_is_refused_unread(self) -> None:
        with pytest.raises(BadCursor):
            position_of("A" * (CURSOR_MAX + 1))


def _parts(count: int) -> dict[UUID, Part]:
    return {UUID(int=number): Part(1, 100_000) for number in range(count)}
