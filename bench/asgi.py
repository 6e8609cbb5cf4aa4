"""Anchors of the JSON rows, each a server of its own: `python -m bench.asgi raw|door|sqlite|changes PORT [DATABASE]`.

`raw` is bare ASGI with msgspec; `door` is our application with one route that answers the same without a database;
`sqlite` is bare ASGI with one query inline, `changes` with one that pages through what a device is told.
"""

import asyncio
import gc
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import uvicorn

from tutti.doors.native.shapes.catalog import Track
from tutti.doors.native.shapes.common import Listing
from tutti.doors.native.shapes.sync import SyncChange, SyncChanges

_COLUMNS = (
    "m.uuid, t.title, t.artist_name, a.uuid, t.album_id, l.title, l.uuid, l.artist_name, t.disc, t.number, t.date,"
    " t.genre_name, m.duration_ms, m.size_bytes, m.mime, m.container, m.codec, m.bitrate_bps, m.sample_rate_hz,"
    " m.channels, m.filename, m.added_at, b.uuid"
)
_QUERY = (
    f"SELECT {_COLUMNS} FROM track t JOIN media_item m ON m.id = t.id JOIN album l ON l.id = t.album_id"
    " JOIN artist a ON a.id = t.artist_id JOIN library b ON b.id = t.library_id"
    " WHERE t.library_id = 1 AND t.is_listed = 1 ORDER BY t.title_sort, t.id LIMIT 50"
)


def main() -> None:
    """Be the server."""
    kind, port = sys.argv[1], int(sys.argv[2])
    answers: dict[str, Callable[[], Any]] = {
        "raw": _raw,
        "discard": _discard,
        "door": _door,
        "sqlite": lambda: _sqlite(sys.argv[3]),
        "changes": lambda: _changes(sys.argv[3]),
    }
    settings: dict[str, Any] = {"access_log": False, "log_config": None, "lifespan": "off", "loop": "uvloop"}
    if kind == "door":
        from tutti.doors.http.protocol import TuttiProtocol  # noqa: PLC0415 - the anchors do without

        settings["http"] = TuttiProtocol
    server = uvicorn.Server(uvicorn.Config(answers[kind](), port=port, server_header=False, **settings))
    gc.freeze()
    asyncio.run(server.serve())


def tracks() -> list[Track]:
    """Return fifty tracks."""
    return [_track(number) for number in range(50)]


def _track(number: int) -> Track:
    return Track(
        id=UUID(int=number),
        title=f"A title of some length {number}",
        artist="An artist",
        artist_id=UUID(int=1),
        album="An album with a name",
        album_id=UUID(int=2),
        album_artist="An artist",
        disc=1,
        number=number,
        date="1999",
        genre="Genre",
        duration_ms=240_000 + number,
        size_bytes=9_000_000 + number,
        content_type="audio/flac",
        container="flac",
        codec="flac",
        bitrate_bps=900_000,
        sample_rate_hz=44_100,
        channels=2,
        filename=f"{number:02} A title of some length.flac",
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        library_id=UUID(int=3),
    )


def _answering(body: Callable[[], bytes]) -> Any:  # noqa: ANN401 - an ASGI application
    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        data = body()
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": data})

    return app


def _raw() -> Any:  # noqa: ANN401
    found, encode = tracks(), msgspec.json.Encoder().encode
    return _answering(lambda: encode(Listing(items=found, next_cursor=None)))


def _discard() -> Any:  # noqa: ANN401
    """Take every body and keep nothing of it."""
    answer = _answering(lambda: b"{}")

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        while (await receive()).get("more_body", False):
            pass
        await answer(scope, receive, send)

    return app


def _sqlite(path: str) -> Any:  # noqa: ANN401
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    connection.execute("PRAGMA mmap_size=268435456")
    encode = msgspec.json.Encoder().encode

    def body() -> bytes:
        return encode(Listing(items=[_of(row) for row in connection.execute(_QUERY)], next_cursor=None))

    return _answering(body)


_CHANGES = (
    "SELECT c.seq, b.uuid, m.uuid, m.blob_hash, m.size_bytes, m.filename, m.folder, m.audio_hash, m.audio_offset,"
    " m.audio_bytes, m.changed_at FROM change c JOIN media_item m ON m.id = c.item_id JOIN library b"
    " ON b.id = c.library_id WHERE c.library_id = 1 AND c.seq > ? ORDER BY c.seq LIMIT ?"
)


def _changes(path: str) -> Any:  # noqa: ANN401
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    connection.execute("PRAGMA mmap_size=268435456")
    encode = msgspec.json.Encoder().encode

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        asked = dict(pair.split("=") for pair in scope["query_string"].decode().split("&"))
        limit = int(asked["limit"])
        rows = connection.execute(_CHANGES, (int(asked.get("cursor") or 0), limit)).fetchall()
        last = str(rows[-1][0]) if rows else ""
        found = SyncChanges(changes=list(map(_change, rows)), cursor=last, has_more=len(rows) == limit, reset=[])
        await _answering(lambda: encode(found))(scope, receive, send)

    return app


def _change(row: tuple[Any, ...]) -> SyncChange:
    return SyncChange(
        library=UUID(row[1]),
        item=UUID(row[2]),
        kind="file",
        hash=row[3],
        size=row[4],
        filename=row[5],
        folder=row[6],
        audio_hash=row[7],
        audio_offset=row[8],
        audio_bytes=row[9] or 0,
        changed_at=datetime.fromisoformat(row[10]).replace(tzinfo=UTC),
        keep=True,
    )


def _of(row: tuple[Any, ...]) -> Track:
    return Track(
        id=UUID(row[0]),
        title=row[1],
        artist=row[2],
        artist_id=UUID(row[3]),
        album=row[5],
        album_id=UUID(row[6]),
        album_artist=row[7],
        disc=row[8] or None,
        number=row[9] or None,
        date=row[10] or None,
        genre=row[11] or None,
        duration_ms=row[12],
        size_bytes=row[13],
        content_type=row[14],
        container=row[15],
        codec=row[16],
        bitrate_bps=row[17],
        sample_rate_hz=row[18],
        channels=row[19],
        filename=row[20],
        added_at=datetime.fromisoformat(row[21]).replace(tzinfo=UTC),
        library_id=UUID(row[22]),
    )


def _door() -> Any:  # noqa: ANN401
    from litestar import Router, get  # noqa: PLC0415 - the anchors do without

    from tutti.domain.errors import ErrorKind  # noqa: PLC0415
    from tutti.doors.http.app import Door, assemble  # noqa: PLC0415
    from tutti.doors.http.outer import Outer  # noqa: PLC0415

    found = tracks()

    @get("/tracks")
    async def list_tracks() -> Listing[Track]:
        return Listing(items=found, next_cursor=None)

    statuses = dict.fromkeys(ErrorKind, 500)
    door = Door("bench", ["/"], [Router("/", route_handlers=[list_tracks])], statuses, lambda *_: (b"{}", "text/plain"))
    app, errors = assemble([door])
    return Outer(app, errors, ())


if __name__ == "__main__":
    main()
