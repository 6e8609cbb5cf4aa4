"""Writes the documents that are generated from code: the API's description and the list of settings."""

from collections.abc import Iterator

from tutti.doors.native.door import router
from tutti.doors.native.openapi import document
from tutti.settings import names

_INTRODUCTION = """# Settings

Written by `tutti settings`; do not edit. A setting is an environment variable. With `_FILE` behind its name it names a
file that holds the value. A wrong value stops the start with the name and the reason; an unknown `TUTTI_` name too.

| name | default | what it does |
|---|---|---|
"""


def openapi_document() -> bytes:
    """Return the OpenAPI document of the native door."""
    return document(router(None))


def settings_document() -> str:
    """Return the list of settings as Markdown."""
    return _INTRODUCTION + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, (_, about) in names().items():
        yield f"| `{name}` | {_shown(about.default)} | {about.description} |\n"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "empty"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if str(default) else "empty"
