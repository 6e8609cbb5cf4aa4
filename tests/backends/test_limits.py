"""The contract of Limiter: how often something happened of late."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from support.clock import ManualClock
from tutti.backends.limits import WindowLimiter
from tutti.ports.limiter import Limiter, Rate

THREE_A_MINUTE = (Rate(3, 60),)
BOTH = (Rate(3, 60), Rate(5, 3600))


@pytest.fixture
def limiter(clock: ManualClock) -> Limiter:
    return WindowLimiter(clock=clock)


def count(limiter: Limiter, key: str, times: int, rates: tuple[Rate, ...] = THREE_A_MINUTE) -> None:
    for _ in range(times):
        limiter.count(key, rates)


def test_what_was_never_counted_waits_for_nothing(limiter: Limiter) -> None:
    assert limiter.wait_s("one", THREE_A_MINUTE) == 0


def test_one_below_the_rate_is_within_it(limiter: Limiter) -> None:
    count(limiter, "one", 2)

    assert limiter.wait_s("one", THREE_A_MINUTE) == 0


def test_at_the_rate_there_is_a_wait(limiter: Limiter) -> None:
    count(limiter, "one", 3)

    assert 0 < limiter.wait_s("one", THREE_A_MINUTE) <= 60


def test_another_key_is_counted_apart(limiter: Limiter) -> None:
    count(limiter, "one", 3)

    assert limiter.wait_s("two", THREE_A_MINUTE) == 0


@pytest.mark.parametrize("times", [3, 4, 9, 40])
def test_after_the_wait_one_more_is_within_the_rate(limiter: Limiter, clock: ManualClock, times: int) -> None:
    count(limiter, "one", times)
    wait_s = limiter.wait_s("one", THREE_A_MINUTE)

    clock.advance(timedelta(seconds=wait_s - 1.001))
    assert limiter.wait_s("one", THREE_A_MINUTE) > 0
    clock.advance(timedelta(seconds=1.001))
    assert limiter.wait_s("one", THREE_A_MINUTE) == 0


def test_what_was_too_much_is_waited_for_longer(limiter: Limiter) -> None:
    count(limiter, "one", 3)
    count(limiter, "two", 30)

    assert limiter.wait_s("two", THREE_A_MINUTE) > limiter.wait_s("one", THREE_A_MINUTE)


def test_a_new_window_does_not_forget_the_one_before(limiter: Limiter, clock: ManualClock) -> None:
    clock.now = clock.now.replace(second=59)
    count(limiter, "one", 6)
    clock.advance(timedelta(seconds=2))

    assert limiter.wait_s("one", THREE_A_MINUTE) > 0


def test_the_longest_wait_of_several_rates_counts(limiter: Limiter, clock: ManualClock) -> None:
    count(limiter, "one", 5, BOTH)
    clock.advance(timedelta(minutes=2))

    assert limiter.wait_s("one", THREE_A_MINUTE) == 0
    assert limiter.wait_s("one", BOTH) > 60


def test_many_at_once_are_all_counted(limiter: Limiter) -> None:
    rates = (Rate(801, 3600),)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: count(limiter, "one", 100, rates), range(8)))

    assert limiter.wait_s("one", rates) == 0
    limiter.count("one", rates)
    assert limiter.wait_s("one", rates) > 0


def test_the_library_can_be_loaded_before_it_is_needed(clock: ManualClock) -> None:
    limiter = WindowLimiter(clock=clock)

    limiter.warm_up()

    assert limiter.wait_s("one", THREE_A_MINUTE) == 0
