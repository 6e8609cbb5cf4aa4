"""Covers: the picture of a folder, else the one inside the file, rendered once for each of the fixed sizes."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.browse import AlbumRow, FolderCover
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import LibraryId
from tutti.ports.blobs import BlobStore
from tutti.ports.files import CoverCache
from tutti.ports.media import COVER_SIZES, MediaFile, MediaReader
from tutti.services.delivery import located
from tutti.services.libraries import readable

Sight = Callable[[Tx, list[LibraryId]], Iterator["Picture"]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the key under which its renderings are kept, and how to get a file that holds it."""

    key: str
    locate: Callable[[], AbstractContextManager[MediaFile]]


@dataclass(frozen=True, slots=True)
class CoverImage:
    """A rendered cover, WebP; `etag` without its quotes."""

    data: bytes
    etag: str


class Artwork:
    """Covers for callers."""

    def __init__(self, db: Database, media: MediaReader, blobs: BlobStore, cache: CoverCache) -> None:
        self._db = db
        self._media = media
        self._blobs = blobs
        self._cache = cache

    def of_album(self, caller: Caller, uuid: UUID, size_px: int) -> CoverImage:
        """Return the cover of an album.

        Raises:
            AppError: INVALID `bad_cover_size`; NOT_FOUND `album_not_found`, `no_cover`; UNSUPPORTED `bad_picture`.
        """

        def pictures(tx: Tx, libraries: list[LibraryId]) -> Iterator[Picture]:
            album = tx.browse.album(libraries, uuid)
            if album is None:
                raise AppError(ErrorKind.NOT_FOUND, "album_not_found", "There is no such album.")
            yield from self._album_pictures(tx, album)

        return self._render(caller, pictures, size_px)

    def of_track(self, caller: Caller, uuid: UUID, size_px: int) -> CoverImage:
        """Return the cover of a track: its own, else that of its folder.

        Raises:
            AppError: As `of_album`, with `track_not_found`.
        """

        def pictures(tx: Tx, libraries: list[LibraryId]) -> Iterator[Picture]:
            row = tx.media.bytes_of(uuid, libraries)
            if row is None or row.is_gone:
                raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
            yield from self._embedded(tx, row.item_id)
            yield from _of_folder(tx, tx.browse.folder_of(row.item_id))

        return self._render(caller, pictures, size_px)

    def _render(self, caller: Caller, pictures: Sight, size_px: int) -> CoverImage:
        if size_px not in COVER_SIZES:
            sizes = ", ".join(map(str, COVER_SIZES))
            raise AppError(ErrorKind.INVALID, "bad_cover_size", f"The size must be one of {sizes}.")
        with self._db.read() as tx:
            found = list(pictures(tx, list(readable(tx, caller))))
        # A picture that cannot be rendered gives way to the next one; the last one's reason is the answer.
        failed: AppError = AppError(ErrorKind.NOT_FOUND, "no_cover", "There is no cover.")
        for picture in found:
            try:
                return self._rendered(picture, size_px)
            except AppError as error:
                failed = error
        raise failed

    def _rendered(self, picture: Picture, size_px: int) -> CoverImage:
        data = self._cache.find(picture.key, size_px)
        if data is None:
            with picture.locate() as file:
                data = self._media.render_cover(file, size_px)
            self._cache.keep(picture.key, size_px, data)
        etag = hashlib.sha256(f"{picture.key}/{size_px}".encode()).hexdigest()[:32]
        return CoverImage(data, etag)

    def _album_pictures(self, tx: Tx, album: AlbumRow) -> Iterator[Picture]:
        yield from _of_folder(tx, album.cover_folder_id)
        if album.cover_track_id is not None:
            yield from self._embedded(tx, album.cover_track_id)

    def _embedded(self, tx: Tx, item_id: int) -> Iterator[Picture]:
        row = tx.media.bytes_by_id(item_id)
        if row is not None and row.cover_hash:
            yield Picture(row.cover_hash, partial(located, row, self._blobs))


def _of_folder(tx: Tx, folder_id: int | None) -> Iterator[Picture]:
    cover = None if folder_id is None else tx.browse.folder_cover(folder_id)
    if cover is not None:
        path = b"/".join(part for part in (cover.root, cover.folder, cover.name) if part)
        yield Picture(_key(cover), lambda: nullcontext(MediaFile(path, cover.root)))


def _key(cover: FolderCover) -> str:
    return f"{cover.root.hex()}/{cover.folder.hex()}/{cover.stamp}"
