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

    @property
    def body(self) -> dict[str, Any] | None:
        """The least JSON body that it takes, None when it takes none."""
        content = document()["paths"][self.path][self.method.lower()].get("requestBody", {}).get("content", {})
        return None if "application/json" not in content else _least(content["application/json"]["schema"])

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _least(schema: dict[str, Any]) -> Any:
    """Return the least value that a schema takes."""
    if "$ref" in schema:
        return _least(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return _least(schema["oneOf"][0])
    if schema["type"] == "object":
        return {name: _least(schema["properties"][name]) for name in schema.get("required", [])}
    if schema["type"] == "array":
        return [_least(schema["items"])] * schema.get("minItems", 0)
    text = _TEXTS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 0)))
    return {"string": text, "boolean": False}.get(schema["type"], schema.get("minimum", 1))


_TEXTS = {"uuid": str(uuid4()), "date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02"}


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
