"""One file at a time, between the folder and the server; called from several threads, touches no index."""

import hashlib
import os
from collections.abc import Callable, Iterator
from threading import Event
from typing import NamedTuple

from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.backoff import Backoff
from tutti.syncing import sound
from tutti.syncing.index import Seen, Stat, Told
from tutti.syncing.server import Body, Server, StoppedError
from tutti.syncing.tree import ChangedError, Tree, part_path, stat_of

SMALL_BYTES = 4 << 20
"""Files up to this size are sent in one request; larger ones can be resumed."""

_PIECE_BYTES = 1 << 18
_ATTEMPTS = 4
_MAY_PASS = frozenset({ErrorKind.BUSY, ErrorKind.LIMITED, ErrorKind.UNAVAILABLE, ErrorKind.CONFLICT})
_LOST = frozenset({ErrorKind.NOT_FOUND, ErrorKind.GONE, ErrorKind.FORBIDDEN})


class Begun(NamedTuple):
    """An upload that can be resumed by a later run."""

    path: str
    hash: str
    upload: str


class Transfers:
    """Moves the bytes of single files; `moved` hears of every piece, `begun` of every upload that can be resumed."""

    def __init__(
        self,
        server: Server,
        tree: Tree,
        *,
        library: str | None,
        stop: Event,
        moved: Callable[[int], None],
        begun: Callable[[Begun], None],
    ) -> None:
        self._server = server
        self._tree = tree
        self._library = library
        self._stop = stop
        self._moved = moved
        self._begun = begun
        self._backoff = Backoff(first_s=0.5, cap_s=8.0)

    def upload(self, path: str, seen: Seen, resumed: str | None) -> str:
        """Send a new file and return its item.

        Args:
            path: The file.
            seen: What it must be.
            resumed: An upload of the same bytes that was begun before.

        Raises:
            ChangedError: It is something else by now.
            AppError: As `Server`.
        """
        fd = self._open(path, seen.stat)
        try:
            if seen.stat.size <= SMALL_BYTES:
                body = self._body(fd, 0, seen.stat.size)
                return self._server.send(path, seen.stat.size, seen.hash, body, library=self._library)
            item = self._resume(fd, path, seen, resumed)
        except AppError as error:
            if error.code == "digest_mismatch":
                raise ChangedError(path) from error
            raise
        finally:
            os.close(fd)
        if self._server.have([seen.hash], self._library).get(seen.hash) != item:
            self._server.trash(item)  # what was written to while it was sent is neither the old nor the new file
            raise ChangedError(path)
        return item

    def _resume(self, fd: int, path: str, seen: Seen, upload: str | None) -> str:
        size = seen.stat.size
        offset = None if upload is None else self._offset(upload)
        if upload is None or offset is None:
            upload, offset = self._server.begin_upload(path, size, library=self._library), 0
            self._begun(Begun(path, seen.hash, upload))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if offset >= size:
                    item = self._server.upload_item(upload)
                else:
                    item = self._server.append(upload, offset, size - offset, self._body(fd, offset, size - offset))
            except AppError as error:
                if error.kind not in _MAY_PASS or attempt == _ATTEMPTS:
                    raise
                self._pause(attempt)
            else:
                if item is not None:
                    return item
            offset = self._server.offset_of(upload)
        raise AppError(ErrorKind.UNAVAILABLE, "not_received", "The server did not take all of it.")

    def _offset(self, upload: str) -> int | None:
        """Return how far an upload is, None when the server no longer knows it."""
        try:
            return self._server.offset_of(upload)
        except AppError as error:
            if error.kind not in _LOST:
                raise
            return None

    def push(self, path: str, seen: Seen, told: Told, *, tags_only: bool) -> None:
        """Give an item the bytes of a file, of which only what is around the sound travels when that is the same.

        Raises:
            ChangedError: The file is something else by now.
            AppError: As `Server`; CONFLICT `bytes_changed`, when the item is.
        """
        fd, size = self._open(path, seen.stat), seen.stat.size
        try:
            found = sound.region_in(fd) if tags_only else None
            if found is None or sound.hash_in(fd, found) != told.audio_hash:
                body = self._body(fd, 0, size)
                self._server.push(told.item, told.hash, seen.hash, size, body, head=None)
                return
            end = found.offset + found.size_bytes

            def around() -> Iterator[bytes]:
                yield from self._pieces(fd, 0, found.offset)
                yield from self._pieces(fd, end, size - end)

            try:
                self._server.push(told.item, told.hash, seen.hash, size - found.size_bytes, around, head=found.offset)
            except AppError as error:
                if error.code != "no_sound":  # it has not looked for it yet
                    raise
                self._server.push(told.item, told.hash, seen.hash, size, self._body(fd, 0, size), head=None)
        finally:
            os.close(fd)

    def download(self, path: str, told: Told) -> Stat:
        """Fetch an item that is new here, to a path where nothing may be.

        Raises:
            FileExistsError: Something is there.
            AppError: As `Server`; UNAVAILABLE `bytes_damaged`.
        """
        return self._tree.place(self._fetch(path, told), path)

    def pull(self, path: str, told: Told, expected: Seen, *, tags_only: bool, keeps: bool) -> Stat:
        """Fetch new bytes of an item and put them in the place of its file, as `Tree.replace`.

        Args:
            path: The file.
            told: The item.
            expected: What the file must still be.
            tags_only: Whether its sound is that of the item, as far as is known.
            keeps: Whether its old bytes are kept.

        Raises:
            ChangedError: The file is something else by now.
            AppError: As `Server`; UNAVAILABLE `bytes_damaged`.
        """
        part = self._patch(path, told, expected) if tags_only else None
        return self._tree.replace(part or self._fetch(path, told), path, expected, keeps=keeps)

    def _patch(self, path: str, told: Told, expected: Seen) -> str | None:
        """Fetch what is around the sound of an item, around the sound of its file; None when they do not fit."""
        fd = self._open(path, expected.stat)
        try:
            found, end = sound.region_in(fd), told.audio_offset + told.audio_bytes
            if found is None or found.size_bytes != told.audio_bytes or end > told.size:
                return None
            part = part_path(path, told.item, told.hash)
            target = self._tree.open_part(part)
            try:
                os.ftruncate(target, 0)
                sink = _Sink(target, told.size)
                self._add(sink, told, 0, told.audio_offset)
                for piece in self._pieces(fd, found.offset, found.size_bytes, counts=False):
                    sink.add(piece)
                self._add(sink, told, end, told.size)
                if sink.digest.hexdigest() == told.hash:
                    os.fsync(target)
                    return part
                os.ftruncate(target, 0)
            finally:
                os.close(target)
        finally:
            os.close(fd)
        return None

    def _add(self, sink: "_Sink", told: Told, start: int, end: int) -> None:
        if start == end:
            return
        with self._server.fetch(told.item, told.hash, start, end) as (begin, pieces):
            if begin != start:
                raise ChangedError
            for piece in pieces:
                sink.add(piece, until=end)
                self._moved(len(piece))

    def _fetch(self, path: str, told: Told) -> str:
        """Download an item beside its path, from where an earlier attempt ended."""
        part = part_path(path, told.item, told.hash)
        fd = self._tree.open_part(part)
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    if self._receive(fd, told):
                        os.fsync(fd)
                        return part
                except AppError as error:
                    if error.kind not in _MAY_PASS or attempt == _ATTEMPTS:
                        raise
                self._pause(attempt)
        finally:
            os.close(fd)
        self._tree.drop_part(part)
        raise AppError(ErrorKind.UNAVAILABLE, "bytes_damaged", "What the server sent is not what it announced.")

    def _receive(self, fd: int, told: Told) -> bool:
        """Receive what is missing; False when the whole is not what it should be, and was thrown away."""
        sink = self._begun_sink(fd, told)
        if sink.count < told.size:
            with self._server.fetch(told.item, told.hash, sink.count) as (begin, pieces):
                if begin != sink.count:  # the whole comes anew
                    os.ftruncate(fd, 0)
                    sink = _Sink(fd, told.size)
                for piece in pieces:
                    sink.add(piece)
                    self._moved(len(piece))
        if sink.count < told.size:  # the connection ended early, which the next attempt goes on from
            return False
        if sink.digest.hexdigest() == told.hash:
            return True
        os.ftruncate(fd, 0)
        return False

    def _begun_sink(self, fd: int, told: Told) -> "_Sink":
        """Go on with what an earlier attempt has left."""
        if os.fstat(fd).st_size > told.size:
            os.ftruncate(fd, 0)
        sink = _Sink(fd, told.size)
        for piece in self._pieces(fd, 0, os.fstat(fd).st_size, counts=False):
            sink.note(piece)
        return sink

    def _open(self, path: str, stat: Stat) -> int:
        fd = self._tree.open(path)
        if stat_of(fd) != stat:
            os.close(fd)
            raise ChangedError(path)
        return fd

    def _body(self, fd: int, start: int, length: int) -> Body:
        return lambda: self._pieces(fd, start, length)

    def _pieces(self, fd: int, start: int, length: int, *, counts: bool = True) -> Iterator[bytes]:
        end = start + length
        while start < end:
            piece = os.pread(fd, min(_PIECE_BYTES, end - start), start)
            if not piece:
                raise ChangedError
            if self._stop.is_set():
                raise StoppedError
            yield piece
            start += len(piece)
            if counts:
                self._moved(len(piece))

    def _pause(self, attempt: int) -> None:
        if self._stop.wait(self._backoff.delay_s(attempt)):
            raise StoppedError


class _Sink:
    """Appends to a file and hashes on the way; more than was announced is refused."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self.count = 0
        self.digest = hashlib.sha256()

    def note(self, piece: bytes) -> None:
        """Take bytes that are in the file already."""
        self.count += len(piece)
        self.digest.update(piece)

    def add(self, piece: bytes, until: int | None = None) -> None:
        """Append bytes."""
        if self.count + len(piece) > (self._size if until is None else until):
            os.ftruncate(self._fd, 0)
            raise AppError(ErrorKind.UNSUPPORTED, "bytes_damaged", "The server sends more than it announced.")
        self.note(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
