import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.kit.backoff import Backoff


@pytest.mark.parametrize(("attempt", "ceiling_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 20.0), (10**6, 20.0)])
def test_ceiling_doubles_up_to_the_cap(attempt: int, ceiling_s: float) -> None:
    assert Backoff(first_s=0.5, cap_s=20).ceiling_s(attempt) == ceiling_s


@pytest.mark.parametrize(("drawn", "delay_s"), [(0.0, 0.0), (0.25, 1.0), (0.5, 2.0)])
def test_jitter_is_full(drawn: float, delay_s: float) -> None:
    assert Backoff(first_s=1, random=lambda: drawn).delay_s(3) == delay_s


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_no_wait_is_negative_or_beyond_the_cap(attempt: int, drawn: float) -> None:
    assert 0 <= Backoff(cap_s=30, random=lambda: drawn).delay_s(attempt) <= 30


def test_waits_differ_by_themselves() -> None:
    backoff = Backoff(first_s=1000, cap_s=1000)

    assert backoff.delay_s(1) != backoff.delay_s(1)
