"""The server, as this program speaks to it: one pool of connections, bounded answers, retries of what may be repeated.

Addresses are made here from ids; none that a server names is followed, so that a credential goes nowhere else.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx2
import msgspec

from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.backoff import Backoff
from tutti.syncing import shapes

T = TypeVar("T")
Body = Callable[[], Iterator[bytes]]
"""Begins the body of a request, anew for each attempt."""

ANSWER_MAX_BYTES = 32 << 20
PAGE = 5000
_LINE_MAX_BYTES = 1 << 16
HASHES_MAX = 1000
_ATTEMPTS = 4
_WAIT_MAX_S = 30
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_TUS = {"Tus-Resumable": "1.0.0"}
_TUS_BODY = "application/offset+octet-stream"
_KINDS: Mapping[int, ErrorKind] = {
    400: ErrorKind.MALFORMED,
    401: ErrorKind.UNAUTHENTICATED,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.GONE,
    412: ErrorKind.PRECONDITION,
    413: ErrorKind.TOO_LARGE,
    415: ErrorKind.UNSUPPORTED,
    416: ErrorKind.RANGE,
    422: ErrorKind.INVALID,
    423: ErrorKind.BUSY,
    429: ErrorKind.LIMITED,
    503: ErrorKind.BUSY,
    507: ErrorKind.FULL,
}
_MAY_PASS = frozenset({ErrorKind.BUSY, ErrorKind.LIMITED, ErrorKind.UNAVAILABLE})


class _Answer(NamedTuple):
    headers: httpx2.Headers
    body: bytes


class StoppedError(Exception):
    """Somebody asked for the end; what was under way can be repeated."""


class Server:
    """A server and the credential for it; any thread may use it.

    Every method raises `AppError` with the kind of the server's refusal, UNAVAILABLE `server_unreachable` when it does
    not answer, UNAVAILABLE `server_unclear` when its answer is none, and `StoppedError`.
    """

    def __init__(self, url: str, credential: str = "", *, connections: int = 4, stop: Event | None = None) -> None:
        """Take the address of a server.

        Raises:
            AppError: INVALID `bad_server`, when it is none.
        """
        self.url = origin(url)
        self.stop = stop or Event()
        self._backoff = Backoff(first_s=0.5, cap_s=8.0)
        fields = {"User-Agent": "tutti-sync", "Accept-Encoding": "identity"}
        if credential:
            fields["Authorization"] = f"Bearer {credential}"
        limits = httpx2.Limits(max_connections=connections + 2, max_keepalive_connections=connections + 2)
        try:
            self._http = httpx2.Client(base_url=self.url, headers=fields, timeout=_TIMEOUT, limits=limits)
        except (ValueError, UnicodeError) as error:
            raise AppError(ErrorKind.INVALID, "bad_server", "The key must be printable ASCII.") from error

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def make_key(self, username: str, password: str, *, name: str) -> str:
        """Sign in, make an app key for this program, and sign out again."""
        signed_in = self.sign_in(username, password)
        fields = {"Authorization": f"Bearer {signed_in}"}
        wanted = {"name": name, "scopes": ["listen", "upload", "sync"]}
        try:
            return self._json(shapes.Key, "POST", "/me/app-keys", json=wanted, headers=fields, attempts=1).key
        finally:
            self.sign_out(signed_in)

    def sign_in(self, username: str, password: str) -> str:
        """Return an access token."""
        body = {"username": username, "password": password}
        return self._json(shapes.Tokens, "POST", "/auth/login", json=body, attempts=1).access_token

    def sign_out(self, token: str) -> None:
        """End the session of an access token."""
        self._ask("POST", "/auth/logout", headers={"Authorization": f"Bearer {token}"})

    def account(self) -> UUID:
        """Return whose credential it is."""
        return self._json(shapes.Account, "GET", "/me").id

    def register(self, device: str, name: str) -> None:
        """Make this device known."""
        self._ask("PUT", f"/sync/devices/{device}", json={"name": name})

    def changes(self, cursor: str, device: str) -> shapes.Changes:
        """Return a page of what changed since the cursor."""
        query = {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {}) | ({"device": device} if device else {})
        return self._json(shapes.Changes, "GET", "/sync/changes", params=query)

    def have(self, hashes: list[str], library: str | None) -> Mapping[str, str]:
        """Return which of at most `HASHES_MAX` hashes the server has, with the item of each."""
        body: dict[str, object] = {"hashes": hashes} | ({"library": library} if library else {})
        return {held.hash: str(held.item) for held in self._json(shapes.Have, "POST", "/sync/have", json=body).have}

    def trash(self, item: str) -> None:
        """Put an item into the trash."""
        self._ask("DELETE", f"/tracks/{item}")

    def send(self, path: str, size: int, digest: str, body: Body, *, library: str | None) -> str:
        """Send a whole file in one request and return its item.

        Args:
            path: Its path, as the folder of the item and its name.
            size: Bytes of it.
            digest: Its SHA-256, in hex.
            body: Its bytes.
            library: Which library it joins; the caller's own when None.
        """
        folder, _, name = path.rpartition("/")
        query = {"sha256": digest, "folder": folder} | ({"library": library} if library else {})
        fields = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        target = f"/files/{quote(name, safe='')}"
        return str(self._json(shapes.Sent, "PUT", target, params=query, headers=fields, body=body).id)

    def begin_upload(self, path: str, size: int, *, library: str | None) -> str:
        """Begin an upload that can be resumed, and return its id."""
        answer = self._ask("POST", "/tus", headers=self._creation(path, size, library) | {"Content-Length": "0"})
        return _uuid(answer.headers.get("Location", "").rpartition("/")[2])

    def offset_of(self, upload: str) -> int:
        """Return how many bytes of an upload are there."""
        return _number(self._ask("HEAD", f"/tus/{upload}", headers=_TUS), "Upload-Offset")

    def append(self, upload: str, offset: int, length: int, body: Body) -> str | None:
        """Send `length` bytes of an upload and return the item that it became, None when bytes are missing."""
        fields = {**_TUS, "Content-Type": _TUS_BODY, "Upload-Offset": str(offset), "Content-Length": str(length)}
        answer = self._ask("PATCH", f"/tus/{upload}", headers=fields, body=body, attempts=1)
        return _uuid(answer.headers["Upload-Item"]) if "Upload-Item" in answer.headers else None

    def upload_item(self, upload: str) -> str | None:
        """Return the item that an upload became."""
        answer = self._ask("HEAD", f"/tus/{upload}", headers=_TUS)
        return _uuid(answer.headers["Upload-Item"]) if "Upload-Item" in answer.headers else None

    def push(self, item: str, replaced: str, digest: str, length: int, body: Body, *, head: int | None) -> None:
        """Give an item other bytes: `head` bytes and what follows its sound, or the whole file without `head`."""
        query = {"replaces": replaced, "sha256": digest} | ({} if head is None else {"head": str(head)})
        fields = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        self._ask("PUT", f"/sync/items/{item}/bytes", params=query, headers=fields, body=body)

    @contextmanager
    def fetch(
        self, item: str, digest: str, start: int, end: int | None = None
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Read bytes of an item, from `start` up to not including `end`.

        Yields:
            Where the bytes begin, which is 0 when the item is another by now, and the bytes.
        """
        fields = {}
        if start or end is not None:
            fields = {"Range": f"bytes={start}-{'' if end is None else end - 1}", "If-Range": f'"{digest}"'}
        request = self._http.build_request("GET", f"/api/v1/tracks/{item}/stream", headers=fields)
        with self._stream(request) as answer:
            is_part = answer.status_code == httpx2.codes.PARTIAL_CONTENT
            yield (_begin(answer.headers) if is_part else 0), self._bytes(answer)

    def hints(self) -> Iterator[str]:
        """Yield what happens at the server, as it happens, until it hangs up; the names of events."""
        request = self._http.build_request("GET", "/api/v1/events", timeout=httpx2.Timeout(120.0, connect=10.0))
        with self._stream(request) as answer:
            for line in _lines(self._bytes(answer)):
                if line.startswith(b"event:"):
                    yield line[6:].strip().decode("ascii", "replace")

    def _creation(self, path: str, size: int, library: str | None) -> dict[str, str]:
        said = {"filename": path.rpartition("/")[2], "relativePath": path} | ({"library": library} if library else {})
        described = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in said.items())
        return {**_TUS, "Upload-Length": str(size), "Upload-Metadata": described}

    def _json(self, shape: type[T], method: str, path: str, **options: object) -> T:
        answer = self._ask(method, path, **options)  # type: ignore[arg-type]  # names of `build_request` alone
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise _unclear(f"it is no answer to {method} {path}") from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        attempts: int = _ATTEMPTS,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
    ) -> "_Answer":
        """Send a request and read its answer, again when what failed may pass."""
        for attempt in range(1, attempts + 1):
            content = None if body is None else self._until_stopped(body())
            request = self._http.build_request(
                method, f"/api/v1{path}", content=content, params=params, headers=headers, json=json
            )
            try:
                return self._read(self._send(request))
            except AppError as error:
                if error.kind not in _MAY_PASS or attempt == attempts:
                    raise
                wanted = error.retry_after_s or 0
                if self.stop.wait(max(min(wanted, _WAIT_MAX_S), self._backoff.delay_s(attempt))):
                    raise StoppedError from error
        raise AssertionError(attempts)

    def _read(self, answer: httpx2.Response) -> "_Answer":
        try:
            found = _Answer(answer.headers, b"".join(self._bytes(answer, most=ANSWER_MAX_BYTES)))
            _raise_for(answer.status_code, found)
        finally:
            answer.close()
        return found

    @contextmanager
    def _stream(self, request: httpx2.Request) -> Iterator[httpx2.Response]:
        answer = self._send(request)
        try:
            if not answer.is_success:
                _raise_for(answer.status_code, _Answer(answer.headers, b"".join(self._bytes(answer, ANSWER_MAX_BYTES))))
            yield answer
        finally:
            answer.close()

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        if self.stop.is_set():
            raise StoppedError
        try:
            return self._http.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _bytes(self, answer: httpx2.Response, most: int | None = None) -> Iterator[bytes]:
        count = 0
        try:
            for chunk in answer.iter_raw():
                count += len(chunk)
                if most is not None and count > most:
                    raise _unclear("its answer has no end")
                if self.stop.is_set():
                    raise StoppedError
                yield chunk
        except httpx2.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _until_stopped(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.stop.is_set():
                raise StoppedError
            yield chunk


def origin(url: str) -> str:
    """Return the address of a server without what does not belong to it.

    Raises:
        AppError: INVALID `bad_server`, when it is none.
    """
    try:
        parts = urlsplit(url)
        is_address = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        parts, is_address = urlsplit(""), False
    if not is_address or parts.username or parts.password or parts.query or parts.fragment:
        raise AppError(ErrorKind.INVALID, "bad_server", "The server must be an address like https://music.example.org.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _raise_for(status: int, answer: _Answer) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - what is a success
        return
    try:
        said = msgspec.json.decode(answer.body, type=shapes.Problem)
    except (msgspec.MsgspecError, UnicodeError):
        said = shapes.Problem()
    kind = _KINDS.get(status, ErrorKind.UNAVAILABLE if status >= 500 else ErrorKind.INVALID)  # noqa: PLR2004
    wait = answer.headers.get("Retry-After", "")
    seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None  # noqa: PLR2004 - a day
    sentence = said.title[:300] or f"The server answered {status}."
    raise AppError(kind, said.code[:100], sentence, retry_after_s=seconds)


def _unreachable(url: str, error: httpx2.HTTPError) -> AppError:
    return AppError(
        ErrorKind.UNAVAILABLE, "server_unreachable", f"{url} does not answer: {str(error) or type(error).__name__}."
    )


def _unclear(reason: str) -> AppError:
    return AppError(ErrorKind.UNAVAILABLE, "server_unclear", f"The server cannot be understood: {reason}.")


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise _unclear("an id is none") from error


def _number(answer: _Answer, name: str) -> int:
    text = answer.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - the digits of 2^63
        raise _unclear(f"{name} is no number")
    return int(text)


_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(?:\d{1,19}|\*)")


def _begin(headers: httpx2.Headers) -> int:
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if found is None:
        raise _unclear("Content-Range is none")
    return int(found[1])


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > _LINE_MAX_BYTES:
            raise _unclear("a line has no end")
