"""Talks to the native door as a client would."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx2

from support.server import PLAIN

PASSWORD = "correct horse battery"

Thing = dict[str, Any]
"""A JSON object."""


class Api:
    """One client of one server, signed in or not; paths are below `/api/v1`, and from the root with two slashes."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.token = token
        self.http = httpx2.Client(base_url=url, timeout=30, headers=bearer(token) if token else {}, verify=PLAIN)

    @classmethod
    def sign_in(cls, url: str, username: str, password: str = PASSWORD) -> Self:
        """Open a session and become its owner."""
        return cls(url, login(url, username, password)["access_token"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self.http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send what is asked for, and read the answer unless it is one that never ends."""
        with self.http.stream(method, path[1:] if path.startswith("//") else f"/api/v1{path}", **options) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx2.Response:
        """GET with a query."""
        return self.request("GET", path, params=query, headers=headers)

    def post(self, path: str, body: object = None) -> httpx2.Response:
        """POST a JSON body, or none."""
        return self.request("POST", path) if body is None else self.request("POST", path, json=body)

    def read(self, path: str, **query: Any) -> Any:
        """Return what a GET that succeeds says."""
        answer = self.get(path, **query)
        assert answer.status_code == httpx2.codes.OK, answer.text[:500]
        return answer.json()

    def pages(self, path: str, *, limit: int, **query: Any) -> Iterator[list[Thing]]:
        """Yield the pages of a list, from cursor to cursor."""
        cursor: dict[str, str] = {}
        while True:
            page = self.read(path, limit=limit, **query, **cursor)
            yield page["items"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def every(self, path: str, **query: Any) -> list[Thing]:
        """Return a whole list."""
        return [thing for page in self.pages(path, limit=500, **query) for thing in page]

    def named(self, path: str, name: str) -> Thing:
        """Return the one thing of a list that has this title or name."""
        return next(one for one in self.every(path) if name in (one.get("title"), one.get("name")))

    def track(self, title: str) -> Thing:
        """Return the track with this title."""
        return self.named("/tracks", title)

    def ticket(self, title: str) -> str:
        """Return the address at which a player reads the track."""
        answer = self.post(f"/tracks/{self.track(title)['id']}/ticket")
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        return str(answer.json()["url"])


def login(url: str, username: str, password: str = PASSWORD) -> Thing:
    """Sign in and return the tokens."""
    body = {"username": username, "password": password}
    answer = httpx2.post(f"{url}/api/v1/auth/login", json=body, verify=PLAIN)
    assert answer.status_code == httpx2.codes.OK, answer.text
    return dict(answer.json())


def bearer(token: str) -> dict[str, str]:
    """Return the field that shows an access token."""
    return {"Authorization": f"Bearer {token}"}


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    """Return how a request failed: the status and the stable word of its problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:500]
    return answer.status_code, answer.json()["code"]
