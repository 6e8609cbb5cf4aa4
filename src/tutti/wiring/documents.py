"""Writes the documents that are generated from code: the API's description and the list of settings."""

from collections.abc import Iterator

from tutti.doors.native.door import router
from tutti.doors.native.openapi import document
from tutti.settings import BARE_NAMES, names

_INTRODUCTION = """# Settings

Written by `tutti settings`; do not edit. A setting is an environment variable. With `_FILE` behind its name it names a
file that holds the value. A wrong value stops the start with the name and the reason; an unknown `TUTTI_` name too.

| name | default | what it does |
|---|---|---|
"""
_BARE_INTRODUCTION = """The setting wins over its bare name. A name that is set and empty, a secret of fewer than 16
characters and one that everybody knows (`dev-secret-key`, `dev-security-key`, `minioadmin`) stop the start. With any
`S3_` name but `S3_USE_SSL` blobs are in a bucket: `music` at `localhost:9000` unless said otherwise. Where the door is
not named these names are ignored, which the log says once.

| bare name | setting | meaning |
|---|---|---|
"""


def openapi_document() -> bytes:
    """Return the OpenAPI document of the native door."""
    return document(router(None))


def settings_document() -> str:
    """Return the list of settings as Markdown."""
    return _INTRODUCTION + "".join([*_rows(), *_bare_rows()])


def _rows() -> Iterator[str]:
    for name, (_, about) in names().items():
        yield f"| `{name}` | {_shown(about.default)} | {about.description} |\n"


def _bare_rows() -> Iterator[str]:
    for door, table in BARE_NAMES.items():
        yield f"\n## Names that `TUTTI_COMPAT__ENV={door}` reads\n\n{_BARE_INTRODUCTION}"
        for one in table:
            yield f"| `{one.name}` | {f'`{one.setting}`' if one.setting else ''} | {one.meaning} |\n"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "empty"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if str(default) else "empty"
