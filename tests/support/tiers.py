"""How much of the suite runs here: a sample or everything, with or without programs that may be missing."""

import os
import random
import shutil
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


def is_deep() -> bool:
    """Return whether every point is asked for (`make test-deep`), not a sample."""
    return os.environ.get("TUTTI_TEST_DEEP") == "1"  # noqa: TID251 - the suite's own switch


def sample(points: Sequence[T], count: int, *, seed: int) -> Sequence[T]:
    """Return `count` of the points, the same ones for the same seed and in their order; all of them when deep."""
    if is_deep() or count >= len(points):
        return points
    chosen = random.Random(seed).sample(range(len(points)), count)
    return [points[index] for index in sorted(chosen)]


def require(program: str) -> str:
    """Return the program's path; without it, the test is skipped, or fails where everything must run."""
    path = shutil.which(program)
    require_that(path is not None, f"{program} is not installed")
    return path or ""


def require_that(condition: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Skip the test with the reason unless the condition holds; fail it when TUTTI_TEST_REQUIRE=all."""
    if condition:
        return
    if os.environ.get("TUTTI_TEST_REQUIRE") == "all":  # noqa: TID251 - the suite's own switch
        pytest.fail(f"TUTTI_TEST_REQUIRE=all, but {reason}")
    pytest.skip(reason)
