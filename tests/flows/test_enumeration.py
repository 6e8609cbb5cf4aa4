"""Nobody learns by signing in which accounts there are, by text, by code or by time (P39)."""

from itertools import combinations
from pathlib import Path
from random import Random
from statistics import NormalDist, median
from time import perf_counter

import pytest

from support import tiers
from support.api import PASSWORD, Api
from support.server import add_user, run, serving

SAMPLES = 500 if tiers.is_deep() else 4
NAMES = ("ada", "bob", "nobody")
"""Somebody, somebody who is kept out, and nobody."""
UNLIMITED = {
    f"TUTTI_LIMITS__{name}": "9999" for name in ("PASSWORDS_PER_MINUTE", "PASSWORDS_PER_HOUR", "ACCOUNT_PER_HOUR")
}


def chance(one: list[float], other: list[float]) -> float:
    """Return how likely samples of one thing differ as much as these (Mann-Whitney U, two-sided, none of them tied)."""
    ranks = {value: rank for rank, value in enumerate(sorted(one + other), start=1)}
    surplus = sum(ranks[value] for value in one) - len(one) * (len(one) + 1) / 2 - len(one) * len(other) / 2
    spread = (len(one) * len(other) * (len(one) + len(other) + 1) / 12) ** 0.5
    return 2 * (1 - NormalDist().cdf(abs(surplus) / spread))


@pytest.mark.parametrize(("shift", "is_likely"), [(0, True), (50, False)])
def test_the_measure_tells_what_differs_from_what_does_not(shift: int, is_likely: bool) -> None:  # noqa: FBT001
    random = Random(2)
    one, other = ([random.gauss(100 + more, 50) for _ in range(500)] for more in (0, shift))

    assert (chance(one, other) > 0.01) is is_likely


def test_refusals_are_alike(data_dir: Path) -> None:
    """By time in the deep tier alone, with hundreds of samples; test_sessions.py counts what each of them costs."""
    for name in ("ada", "bob"):
        add_user(data_dir, name, PASSWORD, "--admin")
    assert run(data_dir, "user", "disable", "bob").returncode == 0
    random, said = Random(3), set()
    took: dict[str, list[float]] = {name: [] for name in NAMES}

    with serving(data_dir, settings=UNLIMITED) as server, Api(server.url) as api:
        for _ in range(SAMPLES):
            for name in random.sample(NAMES, len(NAMES)):
                begun = perf_counter()
                answer = api.post("/auth/login", {"username": name, "password": "a wrong battery"})
                took[name].append(perf_counter() - begun)
                said.add((answer.status_code, *(answer.json()[part] for part in ("code", "title", "type"))))

    assert [(status, code) for status, code, *_ in said] == [(401, "bad_login")]
    if tiers.is_deep():
        apart = {
            (one, other): (chance(took[one], took[other]), abs(median(took[one]) - median(took[other])))
            for one, other in combinations(NAMES, 2)
        }
        assert {pair: found for pair, found in apart.items() if found[0] <= 0.01 and found[1] > 0.005} == {}
