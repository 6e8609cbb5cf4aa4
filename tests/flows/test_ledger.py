"""A server that is killed again and again while people send, delete and stay signed in: what was said holds (P01, P06).

Each person keeps a ledger of what was acknowledged, and compares it with the server that starts afterwards.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event

import httpx2
import pytest

from support import postgresql, tiers
from support.api import PASSWORD, Api, login
from support.server import Server, add_user, run, serving, wait_until
from support.tones import write_tone

KILLS = 170 if tiers.is_deep() else 1
"""Three people at work at each: more than 500 points."""


@dataclass(slots=True)
class Ledger:
    """What the server has acknowledged.

    Attributes:
        kept: Item to the hash of its bytes.
        deleted: Items in the trash.
        purged: Items that are gone for good.
        unsure: Items whose deletion was asked for and not answered.
        refresh: The newest token that arrived.
    """

    kept: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    refresh: str = ""


class People:
    """Three at work on one server, until it is gone."""

    def __init__(self, ledger: Ledger, song: bytes, random: Random) -> None:
        self.ledger, self.song, self.random = ledger, song, random
        self.number = 0

    def work(self, server: Server) -> None:
        """Let all three go on, and kill the server somewhere on the way."""
        token = login(server.url, "ada")["access_token"]
        gone, had = Event(), len(self.ledger.kept)
        with ThreadPoolExecutor(3) as pool:
            at_work = [
                pool.submit(self._until_gone, gone, step, server.url, token)
                for step in (self._send, self._delete, self._stay)
            ]
            gone.wait(self.random.uniform(0.3, 1.5))
            wait_until(lambda: len(self.ledger.kept) > had, what="something was sent")
            server.kill()
            gone.set()
            for one in at_work:
                one.result()

    def _until_gone(self, gone: Event, step: Callable[[Api], None], url: str, token: str) -> None:
        with Api(url, token) as ada:
            while not gone.is_set():
                try:
                    step(ada)
                except httpx2.TransportError:
                    return
                gone.wait(0.005)

    def _send(self, ada: Api) -> None:
        self.number += 1
        data = self.song + b"%d" % self.number
        answer = ada.request("PUT", f"/files/{self.number}.wav", content=data)
        assert answer.status_code == 201, answer.text
        self.ledger.kept[answer.json()["id"]] = hashlib.sha256(data).hexdigest()

    def _delete(self, ada: Api) -> None:
        victims = [item for item in list(self.ledger.kept) if item not in self.ledger.unsure][:-2]
        if not victims:
            return
        item = victims[0]
        self.ledger.unsure.add(item)
        assert ada.request("DELETE", f"/tracks/{item}").status_code == 204
        self.ledger.deleted.add(item)
        if self.random.random() < 0.5:
            self.ledger.deleted.discard(item)
            assert ada.request("DELETE", f"/trash/{item}").status_code == 204
            self.ledger.purged.add(item)

    def _stay(self, ada: Api) -> None:
        answer = ada.post("/auth/refresh", {"refresh_token": self.ledger.refresh})
        assert answer.status_code == 200, answer.text
        self.ledger.refresh = answer.json()["refresh_token"]


def differences(server: Server, ledger: Ledger) -> list[str]:
    """Return where the server and what it has said differ."""
    found = []
    with Api.sign_in(server.url, "ada") as ada:
        for item in ledger.kept.keys() - ledger.unsure:
            answer = ada.get(f"/tracks/{item}/stream")
            if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != ledger.kept[item]:
                found.append(f"{item} is not as it was sent: {answer.status_code}")
        listed = {one["id"] for one in ada.every("/tracks")}
        trash = {one["id"] for one in ada.every("/trash")}
        found += [f"{item} is listed again" for item in (ledger.deleted | ledger.purged) & listed]
        found += [f"{item} is not in the trash" for item in ledger.deleted - trash]
        found += [f"{item} is back in the trash" for item in ledger.purged & trash]
        refreshed = ada.post("/auth/refresh", {"refresh_token": ledger.refresh})
        if refreshed.status_code != 200:
            found.append(f"the session was lost: {refreshed.text}")
        else:
            ledger.refresh = refreshed.json()["refresh_token"]
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_acknowledged_survives_every_kill(data_dir: Path, tmp_path: Path, kind: str) -> None:
    settings = {"TUTTI_DB__URL": postgresql.empty_url()} if kind == "postgresql" else {}
    add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
    song = write_tone(tmp_path / "song.wav", tags={"title": "Song"}).read_bytes()
    ledger, wrong = Ledger(), []
    people = People(ledger, song, Random(7))
    with serving(data_dir, settings=settings) as server:
        ledger.refresh = login(server.url, "ada")["refresh_token"]

    for _ in range(KILLS):
        with serving(data_dir, settings=settings) as server:
            wrong += differences(server, ledger)
            people.work(server)
    with serving(data_dir, settings=settings) as server:
        wrong += differences(server, ledger)

    assert wrong == []
    assert len(ledger.kept) >= KILLS
    checked = run(data_dir, "check", "--read-data", "--json", settings=settings)
    assert json.loads(checked.stdout.splitlines()[-1])["findings"] == 0, checked.stdout
