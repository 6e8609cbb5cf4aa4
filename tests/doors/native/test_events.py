"""Events as clients hear them (N190, N191)."""

from doors.native.conftest import Served
from support.api import bearer, code_of


def test_a_new_library_is_told_to_whoever_may_read_it(served: Served) -> None:
    with served.bob.http.stream("GET", "/api/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        served.bob.post("/libraries", {"name": "Told"})

        told = next(line for line in lines if line.startswith("event:"))

    assert told == "event: library.changed"


def test_after_a_gap_a_client_is_told_to_ask_anew(served: Served) -> None:
    with served.bob.http.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "long-ago"}) as answer:
        assert next(line for line in answer.iter_lines() if line.startswith("event:")) == "event: resync"


def test_a_stranger_hears_nothing(served: Served) -> None:
    assert code_of(served.nobody.get("/events", bearer("x"))) == (401, "token_invalid")
