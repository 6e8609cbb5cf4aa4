"""The environment names of the programs that Tutti replaces, read where `TUTTI_COMPAT__ENV` names their door.

Sources: contracts/collisions.md section 4, contracts/astolfo.md a.2 and b.7.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tutti.settings.parts import KNOWN_SECRETS, SECRET_CHARS
from tutti.settings.tree import PREFIX


class BadBareName(Exception):  # noqa: N818 - named for the fact, as all our errors
    """A value of such a name that stops the start; its text names it and the reason."""


class BareName(NamedTuple):
    """One name of an original.

    Attributes:
        setting: The name of ours that it stands for; empty when it means nothing here.
        meaning: A sentence.
        read: Returns what the setting is, from the text and all names of the door that are set.
    """

    name: str
    setting: str
    meaning: str
    read: Callable[[str, Mapping[str, str]], str]


class Bare(NamedTuple):
    """What was found.

    Attributes:
        values: Texts by our name.
        origins: The bare name behind each of them.
    """

    values: Mapping[str, str]
    origins: Mapping[str, str]


def _as_it_is(text: str, _: Mapping[str, str]) -> str:
    return text


def _secret(text: str, _: Mapping[str, str]) -> str:
    if len(text) < SECRET_CHARS:
        raise ValueError(f"must have at least {SECRET_CHARS} characters")
    return text


def _database(text: str, _: Mapping[str, str]) -> str:
    path = text.removeprefix("sqlite:///")
    if ":" in path or "?" in path:
        raise ValueError(f"must be the path of an SQLite file; for PostgreSQL set {PREFIX}DB__URL")
    return f"sqlite:///{Path(path).absolute()}"


def _endpoint(text: str, given: Mapping[str, str]) -> str:
    if "/" in text:
        raise ValueError("must be HOST:PORT, without a scheme; S3_USE_SSL says which")
    return f"{'https' if given.get('S3_USE_SSL') == 'true' else 'http'}://{text}"


def _bucket(text: str, _: Mapping[str, str]) -> str:
    return f"s3://{text}"


ASTOLFO = (
    BareName("DATABASE_URL", f"{PREFIX}DB__URL", "Path of the SQLite file.", _database),
    BareName("SECRET_KEY", "", "Nothing: tokens are signed with a key of our own. A weak one is refused.", _secret),
    BareName("SECURITY_KEY", f"{PREFIX}AUTH__SECURITY_KEY", "What registering takes.", _secret),
    BareName("PORT", f"{PREFIX}GRPC__PORTS", "The gRPC port.", _as_it_is),
    BareName("S3_ENDPOINT", f"{PREFIX}BLOBS__ENDPOINT", "`HOST:PORT` of the S3 server.", _endpoint),
    BareName("S3_ACCESS_KEY", f"{PREFIX}BLOBS__ACCESS_KEY", "Who we are there.", _as_it_is),
    BareName("S3_SECRET_KEY", f"{PREFIX}BLOBS__SECRET_KEY", "Its secret.", _secret),
    BareName("S3_BUCKET", f"{PREFIX}BLOBS__URL", "The bucket.", _bucket),
    BareName("S3_USE_SSL", "", "`true`, and nothing else, makes the endpoint `https://`.", _as_it_is),
)
BARE_NAMES: Mapping[str, Sequence[BareName]] = {"astolfo": ASTOLFO}
"""By door."""

_S3_DEFAULTS = {"S3_ENDPOINT": "localhost:9000", "S3_BUCKET": "music"}
_STORE = frozenset({"S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"})


def read_bare(environment: Mapping[str, str], doors: Sequence[str]) -> Bare:
    """Read the bare names of these doors.

    Raises:
        BadBareName: Naming it and the reason; also for a door that has none.
    """
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for door in doors:
        if door not in BARE_NAMES:
            raise BadBareName(f"{PREFIX}COMPAT__ENV: this version knows no names of {door!r}.")
        for one, text in _given(environment, BARE_NAMES[door]):
            if one.setting:
                values[one.setting], origins[one.setting] = text, one.name
    return Bare(values, origins)


def _given(environment: Mapping[str, str], table: Sequence[BareName]) -> Sequence[tuple[BareName, str]]:
    given = {one.name: environment[one.name] for one in table if one.name in environment}
    if _STORE & given.keys():  # as in the original, what is not said of its store is this
        given = _S3_DEFAULTS | given
    return [(one, _text(one, given)) for one in table if one.name in given]


def _text(one: BareName, given: Mapping[str, str]) -> str:
    text = given[one.name]
    if not text:
        raise BadBareName(f"{one.name}: is set, and empty.")
    if text in KNOWN_SECRETS:
        raise BadBareName(f"{one.name}: everybody knows this one; choose another.")
    try:
        return one.read(text, given)
    except ValueError as error:
        raise BadBareName(f"{one.name}: {error}.") from error


class Remarks(NamedTuple):
    """What whoever starts us should know of bare names.

    Attributes:
        ignored: Set, and read by nobody, because `TUTTI_COMPAT__ENV` names no door of theirs.
        idle: Read, and without effect.
    """

    ignored: Sequence[str]
    idle: Sequence[str]


def remarks(environment: Mapping[str, str], doors: Sequence[str]) -> Remarks:
    """Return the bare names that are set in vain."""
    read = {one.name for door in doors for one in BARE_NAMES.get(door, ())}
    known = {one.name for table in BARE_NAMES.values() for one in table}
    idle = ["SECRET_KEY"] if "SECRET_KEY" in read & environment.keys() else []
    return Remarks(sorted((known - read) & environment.keys()), idle)
