"""What every bus promises (ports/bus.py); a new backend adds its factory to BUSES."""

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from tutti.backends.bus import LocalBus
from tutti.domain.events import Event
from tutti.ports.bus import Bus

QUEUE_EVENTS = 100
GENEROUS_S = 30
BUSES: list[Callable[[], Bus]] = [lambda: LocalBus(queue_events=QUEUE_EVENTS)]

READY = Event("media.ready", "7", {"library": 3})


@pytest.fixture(params=BUSES, ids=["LocalBus"])
def bus(request: pytest.FixtureRequest) -> Bus:
    bus: Bus = request.param()
    return bus


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def numbered(count: int, topic: str = "n") -> list[Event]:
    return [Event(topic, str(number)) for number in range(count)]


class TestDelivery:
    def test_subscriber_gets_the_event_as_it_was_published(self, bus: Bus) -> None:
        with bus.subscribe("media.ready") as subscription:
            bus.publish(READY)

            assert subscription.get(GENEROUS_S) == READY

    def test_every_subscriber_gets_it(self, bus: Bus) -> None:
        with bus.subscribe("media.ready") as one, bus.subscribe("media.ready") as other:
            bus.publish(READY)

            assert one.get(GENEROUS_S) == other.get(GENEROUS_S) == READY

    def test_other_topics_are_not_heard(self, bus: Bus) -> None:
        with bus.subscribe("media.ready", "source.scanned") as subscription:
            bus.publish(Event("media.failed"))
            bus.publish(Event("source.scanned"))

            assert subscription.get(GENEROUS_S) == Event("source.scanned")

    def test_no_topic_means_all(self, bus: Bus) -> None:
        with bus.subscribe() as subscription:
            bus.publish(Event("anything"))

            assert subscription.get(GENEROUS_S) == Event("anything")

    def test_what_came_before_is_not_heard(self, bus: Bus) -> None:
        bus.publish(Event("n", "early"))
        with bus.subscribe("n") as subscription:
            bus.publish(Event("n", "late"))

            assert subscription.get(GENEROUS_S) == Event("n", "late")

    def test_events_of_one_thread_keep_their_order(self, bus: Bus) -> None:
        with bus.subscribe("n") as subscription:
            for event in numbered(50):
                bus.publish(event)

            assert list(islice(subscription, 50)) == numbered(50)

    def test_nothing_came_in_time(self, bus: Bus) -> None:
        with bus.subscribe("n") as subscription:
            assert subscription.get(0) is None

    def test_nobody_listens(self, bus: Bus) -> None:
        bus.publish(READY)


class TestFullQueue:
    def test_oldest_is_dropped(self, bus: Bus) -> None:
        with bus.subscribe("n") as subscription:
            for event in numbered(QUEUE_EVENTS + 5):
                bus.publish(event)

            assert list(islice(subscription, QUEUE_EVENTS)) == numbered(QUEUE_EVENTS + 5)[5:]

    def test_slow_subscriber_costs_the_others_nothing(self, bus: Bus) -> None:
        with bus.subscribe("n"), bus.subscribe("last") as quick:
            for event in [*numbered(QUEUE_EVENTS * 3), Event("last")]:
                bus.publish(event)

            assert quick.get(GENEROUS_S) == Event("last")


class TestClose:
    def test_waiting_reader_returns(self, bus: Bus, pool: ThreadPoolExecutor) -> None:
        subscription = bus.subscribe("n")
        reader = pool.submit(list, subscription)
        bus.publish(Event("n"))

        subscription.close()

        assert reader.result(GENEROUS_S) in ([], [Event("n")])

    def test_queued_events_are_dropped(self, bus: Bus) -> None:
        subscription = bus.subscribe("n")
        bus.publish(Event("n"))
        subscription.close()

        assert subscription.get(GENEROUS_S) is None

    def test_closing_twice_and_publishing_afterwards_do_nothing(self, bus: Bus) -> None:
        with bus.subscribe("n") as subscription:
            subscription.close()

        bus.publish(Event("n"))

        assert list(subscription) == []

    def test_forgotten_subscription_does_not_hinder(self, bus: Bus) -> None:
        bus.subscribe("n").get(0)
        gc.collect()

        bus.publish(Event("n"))


class TestThreads:
    def test_event_wakes_a_waiting_reader(self, bus: Bus, pool: ThreadPoolExecutor) -> None:
        with bus.subscribe("n") as subscription:
            reader = pool.submit(subscription.get, GENEROUS_S)
            bus.publish(Event("n"))

            assert reader.result(GENEROUS_S) == Event("n")

    def test_many_publishers_lose_nothing_that_fits(self, bus: Bus, pool: ThreadPoolExecutor) -> None:
        barrier = threading.Barrier(4)

        def publish(number: int) -> None:
            barrier.wait()
            for event in numbered(25, topic=str(number)):
                bus.publish(event)

        with bus.subscribe() as subscription:
            list(pool.map(publish, range(4)))
            heard = list(islice(subscription, 100))

        by_publisher = [[event for event in heard if event.topic == str(number)] for number in range(4)]
        assert by_publisher == [numbered(25, topic=str(number)) for number in range(4)]

    def test_two_readers_share_one_subscription(self, bus: Bus, pool: ThreadPoolExecutor) -> None:
        with bus.subscribe("n") as subscription:
            readers = [pool.submit(lambda: list(islice(subscription, 20))) for _ in range(2)]
            for event in numbered(40):
                bus.publish(event)
            heard = [event for reader in readers for event in reader.result(GENEROUS_S)]

        assert sorted(heard, key=lambda event: int(event.ref)) == numbered(40)
