"""What is installed beside us has a licence that somebody has looked at."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REVIEWED = Path(__file__).with_name("licences.txt")


def installed() -> dict[str, str]:
    """Return the licence of everything that the program brings along, by name."""
    found: dict[str, str] = {}
    waiting = list(needed_by(distribution("tutti"), set()))
    while waiting:
        need = waiting.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name not in found:
            one = distribution(need.name)
            found[name] = licence_of(one)
            waiting += needed_by(one, need.extras)
    return found


def needed_by(one: Distribution, extras: set[str]) -> list[Requirement]:
    """Return what a distribution needs here."""
    needs = map(Requirement, one.requires or [])
    return [
        need
        for need in needs
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def licence_of(one: Distribution) -> str:
    """Return the licence as the distribution states it."""
    facts = one.metadata
    stated = next((facts[name] for name in ("License-Expression", "License") if name in facts), None)
    if stated is None:
        classifiers = facts.get_all("Classifier", [])
        stated = next(line for line in classifiers if line.startswith("License ::")).rpartition(" :: ")[2]
    return str(stated).splitlines()[0]


INSTALLED = installed()


@pytest.mark.parametrize("name", sorted(INSTALLED))
def test_a_licence_was_reviewed(name: str) -> None:
    lines = (line.split(maxsplit=1) for line in REVIEWED.read_text().splitlines() if not line.startswith("#"))

    assert (name, INSTALLED[name]) in {(line[0], line[1]) for line in lines}
