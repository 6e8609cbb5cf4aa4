"""Jobs, and the server at a glance, as administrators see them (N188, N189, N196)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.annex import Annex
from support.api import Api, code_of
from support.server import wait_until
from tutti.domain.jobs import JobKind, JobState
from tutti.kit.clock import system_clock
from tutti.models import Job

WAITING, SET_ASIDE = ("100001", "100002", "100003"), "100004"
"""Libraries that never were: removing them is done at once."""


@pytest.fixture
def jobs(annex: Annex) -> Iterator[dict[str, str]]:
    """Some that are due tomorrow, and one that was set aside: ref to id."""
    ids: dict[str, UUID] = {ref: uuid4() for ref in (*WAITING, SET_ASIDE)}
    tomorrow = system_clock() + timedelta(days=1)
    with annex.database() as database, database.write() as tx:
        for ref, uuid in ids.items():
            is_parked = ref == SET_ASIDE
            tx._session.add(
                Job(
                    uuid=uuid,
                    kind=JobKind.REMOVE_LIBRARY,
                    ref=ref,
                    state=JobState.PARKED if is_parked else JobState.DUE,
                    due_at=tomorrow,
                    error="No luck." if is_parked else "",
                    created_at=tx.now,
                )
            )
            tx.flush()
    yield {ref: str(uuid) for ref, uuid in ids.items()}
    for uuid in ids.values():
        annex.ada.post(f"/jobs/{uuid}/cancel")


def listed(ada: Api, **query: object) -> list[str]:
    return [one["id"] for one in ada.every("/jobs", kind="remove_library", **query)]


def test_they_come_in_pages_the_newest_first(annex: Annex, jobs: dict[str, str]) -> None:
    pages = list(annex.ada.pages("/jobs", limit=2, kind="remove_library", job_state="due"))

    assert [one["id"] for page in pages for one in page] == [jobs[ref] for ref in reversed(WAITING)]
    assert [len(page) for page in pages] == [2, 1]


def test_they_are_narrowed_by_state_and_kind(annex: Annex, jobs: dict[str, str]) -> None:
    assert listed(annex.ada, job_state="parked") == [jobs[SET_ASIDE]]
    assert set(listed(annex.ada)) == set(jobs.values())
    assert annex.ada.every("/jobs", kind="nothing") == []


def test_one_says_what_it_is_and_why_it_stands(annex: Annex, jobs: dict[str, str]) -> None:
    job = annex.ada.read(f"/jobs/{jobs[SET_ASIDE]}")

    assert set(job) == {
        "id",
        "kind",
        "about",
        "state",
        "done",
        "total",
        "attempts",
        "error",
        "due_at",
        "created_at",
    }
    assert (job["kind"], job["state"], job["error"], job["about"]) == ("remove_library", "parked", "No luck.", None)


def test_what_was_set_aside_begins_anew(annex: Annex, jobs: dict[str, str]) -> None:
    assert annex.ada.post(f"/jobs/{jobs[SET_ASIDE]}/retry").status_code == 202

    wait_until(lambda: annex.ada.get(f"/jobs/{jobs[SET_ASIDE]}").status_code == 404, what="it was done")


def test_what_was_not_set_aside_does_not(annex: Annex, jobs: dict[str, str]) -> None:
    assert code_of(annex.ada.post(f"/jobs/{jobs[WAITING[0]]}/retry")) == (409, "job_not_parked")


@pytest.mark.parametrize("ref", [WAITING[0], SET_ASIDE])
def test_one_that_does_not_run_is_cancelled_at_once(annex: Annex, jobs: dict[str, str], ref: str) -> None:
    assert annex.ada.post(f"/jobs/{jobs[ref]}/cancel").status_code == 202

    assert jobs[ref] not in listed(annex.ada)
    assert code_of(annex.ada.post(f"/jobs/{jobs[ref]}/cancel")) == (404, "job_not_found")


@pytest.mark.parametrize("what", ["", "/retry", "/cancel"])
def test_one_that_never_was_is_404(annex: Annex, what: str) -> None:
    answer = annex.ada.request("POST" if what else "GET", f"/jobs/{uuid4()}{what}")

    assert code_of(answer) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("query", "code"), [({"limit": 501}, "bad_limit"), ({"cursor": "x"}, "bad_cursor")], ids=["limit", "cursor"]
)
def test_a_page_that_cannot_be_is_refused(annex: Annex, query: dict[str, Any], code: str) -> None:
    assert code_of(annex.ada.get("/jobs", **query)) == (422, code)


def test_they_are_for_administrators(annex: Annex, jobs: dict[str, str]) -> None:
    refused = (403, "not_allowed")
    with annex.somebody() as (_, bob):
        for path in ("/jobs", f"/jobs/{jobs[SET_ASIDE]}", "/admin/overview"):
            assert code_of(bob.get(path)) == refused
        for what in ("retry", "cancel"):
            assert code_of(bob.post(f"/jobs/{jobs[SET_ASIDE]}/{what}")) == refused
    assert jobs[SET_ASIDE] in listed(annex.ada)


def test_the_server_at_a_glance(annex: Annex, jobs: dict[str, str]) -> None:
    before = annex.ada.read("/admin/overview")
    with annex.somebody() as (name, bob):
        sent = annex.send(bob, f"Seen of {name}", annex.library(bob))
        bob.request("DELETE", f"/tracks/{sent.id}")

        after = annex.ada.read("/admin/overview")

    assert set(after) == {
        "version",
        "users",
        "libraries",
        "tracks",
        "stored_bytes",
        "trash_bytes",
        "jobs",
        "sources",
    }
    assert after["users"] - before["users"] == 1
    assert after["libraries"] - before["libraries"] == 2
    assert after["stored_bytes"] - before["stored_bytes"] == len(sent.data)
    assert after["trash_bytes"] - before["trash_bytes"] == len(sent.data)
    assert (after["tracks"], after["jobs"]["parked"]) == (before["tracks"], 1)
