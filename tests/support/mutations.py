"""Requests that no client sends: what an operation takes, spoilt at random (P50)."""

import json
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from support.routes import Operation, document

_NAMES = ("limit", "cursor", "library", "album", "artist", "genre", "q", "size", "sort", "sha256", "token", "id", "_")
_TEXTS = (
    "", "0", "-1", "1e999", "9" * 400, "NaN", "null", "true", "[]", "{}", "..", "../../etc/passwd", "%00", "%", "\0",
    "a\0b", "\ud800", "\u202e", "😀" * 300, "' OR 1=1--", "x" * 5000, "é", "\r\nX: y", "0" * 32,
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "2026-13-45T99:99:99Z", "$(id)", "{{7*7}}", "<script>", "\\", "/", "//", "a/b", ".", "*", "\x7f", "\x1b[31m",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -0.5, [], {}, [[[[]]]], {"a": {"b": {}}},
    ["x"] * 2000, *_TEXTS,
)  # fmt: skip
_FIELDS = (
    "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept", "Content-Type", "Content-Encoding", "Cookie",
    "X-Forwarded-For", "X-Request-Id", "Authorization", "Upload-Offset", "Upload-Length", "Upload-Metadata",
    "Upload-Checksum", "Tus-Resumable", "Content-Digest", "Last-Event-ID", "Origin", "Accept-Language",
)  # fmt: skip
_KINDS = ("application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data; boundary=x", "x")


class Bad(NamedTuple):
    """A request as `Api.request` takes it."""

    method: str
    path: str
    content: bytes
    headers: dict[str, bytes]


def spoilt(random: Random, operation: Operation) -> Bad:
    """Return a request for the operation that is wrong in some ways, or in none by chance."""
    path = operation.somewhere
    if random.random() < 0.4:
        path = "/".join(_part(random, part) for part in path.split("/"))
    if random.random() < 0.6:
        path += "?" + "&".join(_pair(random) for _ in range(random.randint(1, 5)))
    headers = {random.choice(_FIELDS): _field(random) for _ in range(random.randint(0, 3))}
    content = b""
    if operation.method not in {"GET", "HEAD"} or random.random() < 0.1:
        content = _body(random, operation)
        headers.setdefault("Content-Type", random.choice(_KINDS[:1] * 6 + _KINDS).encode())
    method = operation.method if random.random() < 0.95 else random.choice(("PUT", "PATCH", "DELETE", "OPTIONS", "X"))
    return Bad(method, path, content, headers)


def _part(random: Random, part: str) -> str:
    is_id = len(part) == 36 and part.count("-") == 4
    return quote(random.choice(_TEXTS)[:300].encode("utf-8", "replace"), safe="") if is_id else part


def _pair(random: Random) -> str:
    text = random.choice(_TEXTS)[:1000].encode("utf-8", "replace")
    return f"{random.choice(_NAMES)}={quote(text, safe='') if random.random() < 0.9 else '%ff%zz'}"


def _field(random: Random) -> bytes:
    text = random.choice(
        (*_TEXTS, "bytes=-0", "bytes=9-1", "bytes=" + "0-," * 500, "Bearer x", "sha-256=:x:", 'W/"', "a b")
    )
    return text.encode("utf-8", "replace").translate(None, b"\r\n\0\x1b\x7f").strip()[:2000]


def _body(random: Random, operation: Operation) -> bytes:
    body: Any = operation.body
    if isinstance(body, dict):
        known = _names(operation)
        for _ in range(random.randint(0, 3)):
            body[random.choice((*known, *_NAMES))] = random.choice(_VALUES)
        if body and random.random() < 0.2:
            del body[random.choice(list(body))]
    if body is None or random.random() < 0.1:
        body = random.choice(_VALUES)
    data = bytearray(json.dumps(body).encode())
    if data and random.random() < 0.2:
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data[: random.randrange(len(data))] if random.random() < 0.1 else data)


def _names(operation: Operation) -> list[str]:
    content = document()["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    named = document()["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return list(named.get("properties", {}))
