"""`/metrics` is for this machine and for whoever has the token; to everybody else it does not exist (O-OP1)."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from doors.native.conftest import Served
from support.api import PASSWORD, Api, bearer, code_of
from support.server import PLAIN, Server, copied, run, serving, template

__all__ = ["template"]  # a fixture

TOKEN = "a token nobody guesses"
ELSEWHERE = {"X-Forwarded-For": "198.51.100.1"}


@pytest.fixture(scope="module")
def guarded(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy, with a token."""
    data_dir = copied(template, tmp_path_factory.mktemp("guarded"))
    settings = {"TUTTI_METRICS__TOKEN": TOKEN, "TUTTI_HTTP__TRUSTED_PROXIES": "127.0.0.1"}
    with serving(data_dir, settings=settings) as server:
        yield server


def metrics(api: Api) -> dict[tuple[str, ...], float]:
    """What this machine reads: name and labels to value."""
    answer = api.get("//metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(served: Served, *key: str, before: dict[tuple[str, ...], float]) -> float:
    return metrics(served.nobody).get(key, 0) - before.get(key, 0)


class TestWhoMayRead:
    def test_this_machine(self, guarded: Server) -> None:
        answer = httpx2.get(f"{guarded.url}/metrics")

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert {"x-request-id", "x-content-type-options"} <= set(answer.headers)

    def test_whoever_has_the_token(self, guarded: Server) -> None:
        answer = httpx2.get(f"{guarded.url}/metrics", headers=ELSEWHERE | bearer(TOKEN))

        assert answer.status_code == 200

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
    @pytest.mark.parametrize("shown", [{}, bearer(TOKEN[:-1]), bearer("x"), {"Authorization": f"Basic {TOKEN}"}])
    def test_to_everybody_else_it_does_not_exist(self, guarded: Server, method: str, shown: dict[str, str]) -> None:
        fields = ELSEWHERE | shown | {"X-Request-Id": "same"}

        here, nowhere = (
            httpx2.request(method, f"{guarded.url}{path}", headers=fields, verify=PLAIN)
            for path in ("/metrics", "/metricz")
        )

        assert here.status_code == nowhere.status_code == 404
        assert here.content == nowhere.content
        assert _without_date(here) == _without_date(nowhere)

    @pytest.mark.parametrize("field", ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP"])
    def test_a_proxy_on_this_machine_is_not_this_machine(self, served: Served, field: str) -> None:
        answer = served.nobody.get("//metrics", {field: "127.0.0.1"})

        assert code_of(answer) == (404, "not_found")

    def test_without_a_token_none_opens_it(self, served: Served) -> None:
        assert served.nobody.get("//metrics", ELSEWHERE | bearer("x")).status_code == 404
        assert served.ada.get("//metrics", ELSEWHERE).status_code == 404

    def test_it_is_only_read(self, served: Served) -> None:
        assert code_of(served.nobody.request("POST", "//metrics")) == (404, "not_found")
        assert served.nobody.request("HEAD", "//metrics").status_code == 200

    def test_a_token_that_can_be_guessed_stops_the_start(self, template: Path, tmp_path: Path) -> None:
        done = run(copied(template, tmp_path), "serve", settings={"TUTTI_METRICS__TOKEN": "short"})

        assert (done.returncode, done.stderr) == (1, "tutti: TUTTI_METRICS__TOKEN: must have at least 16 characters.\n")


def _without_date(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


class TestWhatIsTold:
    @pytest.mark.parametrize(
        ("path", "route", "status"),
        [
            ("/albums", "/api/v1/albums", "2xx"),
            ("/tracks/00000000-0000-4000-8000-000000000000", "/api/v1/tracks/{track}", "4xx"),
            ("/tracks/00000000-0000-4000-8000-000000000000/stream", "/api/v1/tracks/{track}/stream", "4xx"),
            ("/no/such/path", "", "4xx"),
            ("//no-such-path", "", "4xx"),
        ],
    )
    def test_requests_count_by_route_and_status(self, served: Served, path: str, route: str, status: str) -> None:
        before = metrics(served.nobody)

        served.ada.get(path)
        served.ada.request("HEAD", path)

        assert grown(served, "tutti_http_requests_total", "native", route, status, before=before) == 2
        assert grown(served, "tutti_http_request_seconds_count", "native", route, before=before) == 2

    def test_a_stream_counts_by_its_bytes_however_it_is_sent(self, served: Served) -> None:
        stream = f"/tracks/{served.ada.track('Apple')['id']}/stream"
        before = metrics(served.nobody)

        sizes = [len(served.ada.get(stream, {"Range": "bytes=0-999"}).content) for _ in range(3)]

        route = "/api/v1/tracks/{track}/stream"
        assert sizes == [1000] * 3
        assert grown(served, "tutti_http_requests_total", "native", route, "2xx", before=before) == 3
        assert grown(served, "tutti_http_sent_bytes_total", "native", route, before=before) == 3000

    def test_a_list_counts_by_its_bytes(self, served: Served) -> None:
        before = metrics(served.nobody)

        size = len(served.ada.get("/genres").content)

        assert grown(served, "tutti_http_sent_bytes_total", "native", "/api/v1/genres", before=before) == size

    def test_what_is_at_work_is_told(self, served: Served) -> None:
        found = metrics(served.nobody)

        assert found["tutti_hop_busy", "use_cases"] == 0
        assert {"logins", "covers", "bodies"} <= {key[1] for key in found if key[0] == "tutti_hop_busy"}
        assert found["tutti_streams_open",] == 0
        assert found["tutti_uploads_open",] == 0
        assert found["tutti_db_connections",] >= 1

    def test_no_name_and_no_id_is_a_label(self, served: Served) -> None:
        served.ada.get("/albums", title="secret")
        served.nobody.get("//etc/passwd")

        text = served.nobody.get("//metrics").text
        assert not any(word in text for word in ("secret", "passwd", "ada", PASSWORD, served.ada.track("Apple")["id"]))


def test_a_server_that_waits_tells_of_jobs(guarded: Server) -> None:
    with Api(guarded.url) as api:
        assert all(
            key[1] in {"due", "running", "parked", "cancelled"} for key in metrics(api) if key[0] == "tutti_jobs"
        )
