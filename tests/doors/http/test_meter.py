"""What is counted of answers."""

import pytest

from tutti.doors.http.meter import BOUNDS_S, Meter, Route

ALBUMS, TRACKS = Route("native", "/api/v1/albums"), Route("native", "/api/v1/tracks")


def test_answers_count_by_route_and_first_digit() -> None:
    meter = Meter()
    for status in (200, 206, 404, 500, 0):
        meter.note(ALBUMS, status, 10)
    meter.note(TRACKS, 200, 5)

    counted = dict(meter.snapshot())
    assert counted[ALBUMS].statuses == {2: 2, 4: 1, 5: 1, 0: 1}
    assert (counted[ALBUMS].sent_bytes, counted[TRACKS].sent_bytes) == (50, 5)


@pytest.mark.parametrize(("took_s", "bucket"), [(0.0, 0), (0.005, 0), (0.006, 1), (10.0, 9), (3600.0, len(BOUNDS_S))])
def test_a_duration_falls_into_the_first_bucket_that_holds_it(took_s: float, bucket: int) -> None:
    meter = Meter()
    meter.note(ALBUMS, 200, 0, took_s)

    ((_, counted),) = meter.snapshot()
    assert [number for number, count in enumerate(counted.buckets) if count] == [bucket]
    assert counted.took_s == took_s


def test_a_snapshot_stays_as_it_was() -> None:
    meter = Meter()
    meter.note(ALBUMS, 200, 1)
    before = list(meter.snapshot())
    meter.note(ALBUMS, 200, 1)

    assert before[0][1].statuses == {2: 1}
    assert sum(before[0][1].buckets) == 1
