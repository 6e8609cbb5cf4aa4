"""Reads the environment into the tree, strictly: a wrong value stops the start with its name and the reason."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from msgspec import ValidationError, convert

from tutti.settings.bare import BadBareName, Remarks, read_bare, remarks
from tutti.settings.parts import Names
from tutti.settings.tree import PREFIX, Settings, names


class BadSetting(Exception):  # noqa: N818 - named for the fact, as all our errors
    """A setting that stops the start; its text names the key and the reason."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        BadSetting: Naming the key and the reason.
    """
    given = _with_files({name: value for name, value in environment.items() if name.startswith(PREFIX)})
    try:
        bare = read_bare(environment, _listed(given.get(f"{PREFIX}COMPAT__ENV", "")))
    except BadBareName as error:
        raise BadSetting(str(error)) from error
    named = {name: bare_name for name, bare_name in bare.origins.items() if name not in given}
    tree: dict[str, Any] = {}
    for name, text in {**bare.values, **given}.items():
        if name not in names():
            raise _bad(name, "there is no such setting")
        *parts, leaf = name.removeprefix(PREFIX).lower().split("__")
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
        branch[leaf] = _value(name, text)
    try:
        return convert(tree, Settings, strict=False, dec_hook=lambda kind, text: kind(text))
    except ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        place = path.rstrip("`")
        leaf, _, reason = said.partition(": ")
        own = _name(f"{place}.{leaf}")
        if own in names():  # a check of ours says which setting of a part it means
            raise _bad(named.get(own, own), reason) from error
        raise _bad(named.get(_name(place), _name(place)), _reason(_name(place), said)) from error


def bare_remarks(found: Settings, environment: Mapping[str, str] = os.environ) -> Remarks:
    """Return the names of other programs that are set in vain."""
    return remarks(environment, found.compat.env)


def _value(name: str, text: str) -> str | Names:
    kind = names()[name][1].kind
    if kind is Path and not text:  # which would be the folder one happens to be in
        raise _bad(name, "must not be empty")
    return _listed(text) if kind == Names else text


_KINDS: Mapping[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}
_BOUND = re.compile(r"Expected `\w+` (>=|>|<=) (.+)")
_BOUNDS = {">=": "at least", ">": "more than", "<=": "at most"}


def _reason(key: str, said: str) -> str:
    """Put what the decoder says into the words of whoever set it."""
    kind = names()[key][1].kind if key in names() else None
    if get_origin(kind) is Literal:
        return f"must be one of {', '.join(get_args(kind))}"
    if bound := _BOUND.fullmatch(said):
        return f"must be {_BOUNDS[bound[1]]} {bound[2]}"
    return f"must be {_KINDS[kind]}" if kind in _KINDS else said


def _listed(text: str) -> Names:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _name(path: str) -> str:
    """Return the environment name for a path such as `.http.port` or `.doors[0]`."""
    return PREFIX + "__".join(part.partition("[")[0].upper() for part in path.split(".") if part)


def _with_files(given: Mapping[str, str]) -> dict[str, str]:
    """Replace `NAME_FILE` by `NAME` with what is in the file."""
    values = dict(given)
    for name, path in given.items():
        plain = name.removesuffix("_FILE")
        if plain == name or plain not in names():
            continue
        if plain in given:
            raise _bad(plain, f"is set twice, here and by {name}")
        try:
            values[plain] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad(name, "the file cannot be read") from error
        del values[name]
    return values


def _bad(key: str, reason: str) -> BadSetting:
    return BadSetting(f"{key}: {reason}.")
