import re
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.kit.ids import ordered_uuid, random_token, random_uuid

INSTANT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def zeros(count: int) -> bytes:
    return bytes(count)


def test_ordered_uuid_is_the_example_of_the_rfc() -> None:
    # RFC 9562 A.6: 2022-02-22T14:22:22-05:00, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    entropy = bytes.fromhex("0CC3" + "18C4DC0C0C07398F")

    assert ordered_uuid(lambda: INSTANT, lambda _: entropy) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(st.binary(min_size=16, max_size=16))
def test_version_and_variant_hold_for_any_entropy(entropy: bytes) -> None:
    random, ordered = random_uuid(lambda _: entropy), ordered_uuid(lambda: INSTANT, lambda count: entropy[:count])

    assert (random.version, ordered.version) == (4, 7)
    assert random.variant == ordered.variant == RFC_4122


@given(st.binary(min_size=10, max_size=10), st.integers(min_value=1, max_value=10**12))
def test_later_sorts_after_earlier(entropy: bytes, later_ms: int) -> None:
    later = INSTANT + timedelta(milliseconds=later_ms)

    assert ordered_uuid(lambda: INSTANT, lambda _: entropy) < ordered_uuid(lambda: later, zeros)


@pytest.mark.parametrize(("size_bytes", "length"), [(16, 22), (32, 43), (33, 44)])
def test_token_fits_into_a_url(size_bytes: int, length: int) -> None:
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{{length}}}", random_token(size_bytes=size_bytes))


def test_nothing_comes_twice() -> None:
    assert len({random_uuid(), random_uuid(), ordered_uuid(), ordered_uuid()}) == 4
    assert random_token() != random_token()
