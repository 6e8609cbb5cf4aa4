"""The operations of the native door as its document lists them, for tests that go through all of them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import tutti.doors.native

DOCUMENT = Path(tutti.doors.native.__file__).with_name("openapi.json")

_PLACEHOLDER = re.compile(r"\{\w+\}")


class Operation(NamedTuple):
    """One method of one path; `policy` is who may call it."""

    method: str
    path: str
    policy: str

    @property
    def somewhere(self) -> str:
        """The path with ids that nothing has, as `Api` takes it."""
        return "/" + _PLACEHOLDER.sub(lambda _: str(uuid4()), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def document() -> dict[str, Any]:
    """Return the description that the server serves."""
    return dict(json.loads(DOCUMENT.read_bytes()))


def operations() -> list[Operation]:
    """Return every operation, HEAD of the stream included."""
    return list(_operations())


def _operations() -> Iterator[Operation]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield Operation(method.upper(), path, operation["x-policy"])
