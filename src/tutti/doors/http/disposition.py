"""The name under which a client may save what it gets (RFC 6266, RFC 8187)."""

import re
from typing import Literal
from unicodedata import combining, normalize
from urllib.parse import quote

Disposition = Literal["inline", "attachment"]

_MAX_NAME = 200
_MAX_SUFFIX = 20
_ATTR_CHARS = "!#$&+-.^_`|~"  # what RFC 8187 leaves bare, beside letters and digits
_NOT_PLAIN = re.compile(r'[^ -~]|["%/\\]')  # some clients decode percents even in the quoted form


def content_disposition(disposition: Disposition, filename: str) -> str:
    """Return the value of `Content-Disposition`: ASCII without line breaks, whatever the name holds.

    Control characters, path separators and what turns the direction of text become `_`; a name of more than 200
    characters is cut in front of its suffix.
    """
    name = _safe(filename)
    # Folded to compatibility forms, a harmless letter may become a quote or a slash: hence the second replacement.
    folded = "".join(char for char in normalize("NFKD", name) if not combining(char))
    plain = _NOT_PLAIN.sub("_", folded)
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _safe(filename: str) -> str:
    name = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in filename).strip(" .-")
    stem, dot, suffix = name.rpartition(".")
    if dot and len(suffix) <= _MAX_SUFFIX:
        return stem[: _MAX_NAME - len(suffix) - 1] + dot + suffix
    return name[:_MAX_NAME] or "file"
