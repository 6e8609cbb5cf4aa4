"""What a server says, as far as this program reads it; everything is checked, nothing is believed."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

Hash = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64})?$")]
_Text = Annotated[str, Meta(max_length=10_000)]
_Cursor = Annotated[str, Meta(max_length=60_000)]
_Size = Annotated[int, Meta(ge=0, le=(1 << 62))]


class Change(Struct, frozen=True):
    """What became of an item; `kind` is `file` or `gone`."""

    library: UUID
    item: UUID
    kind: Annotated[str, Meta(max_length=20)]
    hash: Hash | None = None
    size: _Size | None = None
    filename: _Text = ""
    folder: _Text = ""
    audio_hash: Hash | None = None
    audio_offset: _Size | None = None
    audio_bytes: _Size | None = None
    keep: bool = True


class Changes(Struct, frozen=True):
    """A page of changes; libraries of `reset` are to be forgotten before."""

    changes: Annotated[list[Change], Meta(max_length=5000)]
    cursor: _Cursor
    has_more: bool = False
    reset: Annotated[list[UUID], Meta(max_length=10_000)] = []


class Held(Struct, frozen=True):
    """Bytes that the server has."""

    hash: Hash
    item: UUID


class Have(Struct, frozen=True):
    """Which bytes the server has."""

    have: Annotated[list[Held], Meta(max_length=5000)]


class Sent(Struct, frozen=True):
    """The item that a file became."""

    id: UUID


class Problem(Struct, frozen=True):
    """Why something was refused (RFC 9457)."""

    code: _Text = "refused"
    title: _Text = ""
    detail: _Text = ""


class Tokens(Struct, frozen=True):
    """What a sign-in gives."""

    access_token: _Text


class Key(Struct, frozen=True):
    """An app key."""

    key: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[!-~]+$")]


class Account(Struct, frozen=True):
    """Whose credential it is."""

    id: UUID
    username: _Text = ""
