"""RFC 9110 14: what a `Range` field asks for."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.kit.ranges import MAX_RANGES, Window, select

SIZE = 100


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"bytes=0-9", [(0, 10)]),
        (b"bytes=99-99", [(99, 1)]),
        (b"bytes=40-", [(40, 60)]),
        (b"bytes=-5", [(95, 5)]),
        (b"BYTES=0-9", [(0, 10)]),
        (b"bytes= 0-1 ,\t3-4", [(0, 2), (3, 2)]),
        (b"bytes=,0-1,,3-4,", [(0, 2), (3, 2)]),
        (b"bytes=0-0,-1", [(0, 1), (99, 1)]),
        (b"bytes=000000000000000000000000000-1", [(0, 2)]),
    ],
)
def test_ranges_are_found_in_the_order_asked(field: bytes, expected: list[tuple[int, int]]) -> None:
    assert select(field, SIZE) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"bytes=90-1000", [(90, 10)]),
        (b"bytes=0-" + b"9" * 400, [(0, 100)]),
        (b"bytes=-1000", [(0, 100)]),
        (b"bytes=0-1,100-", [(0, 2)]),
    ],
)
def test_ranges_are_clamped_to_the_file(field: bytes, expected: list[tuple[int, int]]) -> None:
    assert select(field, SIZE) == expected


@pytest.mark.parametrize("field", [b"bytes=100-", b"bytes=100-200", b"bytes=-0", b"bytes=" + b"9" * 400 + b"-"])
def test_nothing_satisfiable_gives_no_window(field: bytes) -> None:
    assert select(field, SIZE) == []


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes=-",
        b"bytes=5-2",
        b"bytes=0-1,5-2",
        b"bytes=a-b",
        b"bytes=0-1;",
        b"bytes=0-1 2-3",
        b"bytes=--1",
        b"bytes=+1-2",
        b"bytes=1_0-20",
        b"bytes=0x1-2",
        "bytes=\u0660-\u0669".encode(),
        b"bytes =0-1",
        b" bytes=0-1",
        b"items=0-1",
        b"bytes=0-1\r\nx: y",
        b"bytes=0-1\n",
    ],
)
def test_what_is_malformed_or_unknown_is_ignored(field: bytes) -> None:
    assert select(field, SIZE) is None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"bytes=0-9,5-14", [(0, 15)]),
        (b"bytes=0-9,10-19", [(0, 20)]),
        (b"bytes=0-50,10-20", [(0, 51)]),
        (b"bytes=50-59,0-9,60-69", [(50, 20), (0, 10)]),
        (b"bytes=0-0,4-4,0-4", [(0, 5)]),
    ],
)
def test_ranges_that_overlap_or_touch_are_joined_at_the_place_of_the_first(
    field: bytes, expected: list[tuple[int, int]]
) -> None:
    assert select(field, SIZE) == expected


def test_as_many_ranges_as_allowed_are_answered() -> None:
    field = b"bytes=" + b",".join(b"%d-%d" % (2 * n, 2 * n) for n in range(MAX_RANGES))

    assert select(field, SIZE) == [(2 * n, 1) for n in range(MAX_RANGES)]


@pytest.mark.parametrize("count", [MAX_RANGES + 1, 1_300, 10_000])
def test_too_many_ranges_are_ignored(count: int) -> None:
    assert select(b"bytes=" + b",".join([b"0-0"] * count), SIZE) is None


@pytest.mark.parametrize("field", [b"bytes=0-", b"bytes=0-0", b"bytes=-0"])
def test_an_empty_file_satisfies_no_range(field: bytes) -> None:
    assert select(field, 0) == []


def test_the_end_of_an_empty_file_is_all_of_it() -> None:
    assert select(b"bytes=-5", 0) is None


numbers = st.integers(min_value=0, max_value=60)
specs = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))),
    st.tuples(numbers, st.none()),
    st.tuples(st.none(), numbers),
)
Spec = tuple[int | None, int | None]


def written(asked: Sequence[Spec]) -> bytes:
    return b"bytes=" + b",".join(
        b"%s-%s" % tuple(b"" if number is None else b"%d" % number for number in spec) for spec in asked
    )


def naive(spec: Spec, size: int) -> set[int]:
    first, last = spec
    if first is None:
        return set(range(size)[size - min(last or 0, size) :])
    return {place for place in range(size) if place >= first and (last is None or place <= last)}


@given(st.lists(specs, min_size=1, max_size=MAX_RANGES), st.integers(min_value=1, max_value=50))
def test_windows_hold_exactly_the_bytes_that_were_asked_for(asked: list[Spec], size: int) -> None:
    windows = select(written(asked), size)

    assert windows is not None
    places = [place for window in windows for place in range(window.offset, window.end)]
    assert len(places) == len(set(places))
    assert set(places) == set().union(*(naive(spec, size) for spec in asked))


@given(st.lists(specs, min_size=1, max_size=MAX_RANGES), st.integers(min_value=1, max_value=50))
def test_windows_lie_apart_and_keep_the_order_asked(asked: list[Spec], size: int) -> None:
    windows = select(written(asked), size)

    assert windows is not None
    ascending = sorted(windows)
    assert all(before.end < after.offset for before, after in pairwise(ascending))
    firsts = [min(n for n, spec in enumerate(asked) if naive(spec, size) & covered(window)) for window in windows]
    assert firsts == sorted(firsts)


def covered(window: Window) -> set[int]:
    return set(range(window.offset, window.end))


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=1 << 63))
def test_any_bytes_are_ignored_or_give_windows_inside_the_file(noise: bytes, size: int) -> None:
    for window in select(b"bytes=" + noise, size) or ():
        assert 0 <= window.offset < window.end <= size
