"""Questions of a check: what the rows say of blobs, and whether what is derived agrees with what it is derived from."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, nulls_first, or_, select, text, update
from sqlalchemy.orm import Session

from tutti.db.dialect import is_sqlite
from tutti.db.search import TRACKS, put_texts
from tutti.kit.text import fold
from tutti.models import Album, AppKey, Blob, Change, Invite, Library, LibraryAlbum, MediaItem, Track, TrackText, Upload
from tutti.models import Session as UserSession

_TEXTS = 500


class BlobRow(NamedTuple):
    """A blob as its row knows it."""

    hash: str
    size_bytes: int


class AccessEnded(NamedTuple):
    """How much of each ended."""

    sessions: int
    app_keys: int
    invites: int
    uploads: int


class IntegrityRepo:
    """Reads much, in the order of keys; changes only what can be derived again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def blobs_after(self, blob_hash: str, limit: int) -> Sequence[BlobRow]:
        """Return blobs in the order of their hashes."""
        query = select(Blob.hash, Blob.size_bytes).where(Blob.hash > blob_hash).order_by(Blob.hash).limit(limit)
        return [BlobRow(*row) for row in self._session.execute(query)]

    def longest_unread(self, limit: int, before: datetime) -> Sequence[BlobRow]:
        """Return the blobs whose bytes were read longest ago, never first, and not since `before`."""
        is_due = or_(Blob.verified_at.is_(None), Blob.verified_at < before)
        query = select(Blob.hash, Blob.size_bytes).where(is_due).limit(limit)
        ordered = query.order_by(nulls_first(Blob.verified_at.asc()), Blob.hash)
        return [BlobRow(*row) for row in self._session.execute(ordered)]

    def total_bytes(self) -> int:
        """Return the size of all blobs."""
        return int(self._session.scalar(select(func.coalesce(func.sum(Blob.size_bytes), 0))) or 0)

    def has_blob(self, blob_hash: str) -> bool:
        """Whether a row still names these bytes."""
        return self._session.scalar(select(Blob.hash).where(Blob.hash == blob_hash)) is not None

    def known_blobs(self, hashes: Collection[str]) -> set[str]:
        """Return which of these have a row."""
        return set(self._session.scalars(select(Blob.hash).where(Blob.hash.in_(hashes))))

    def mark_read(self, hashes: Collection[str], now: datetime) -> None:
        """Note that these bytes were read, whatever they were found to be."""
        self._session.execute(update(Blob).where(Blob.hash.in_(hashes)).values(verified_at=now))

    def items_of(self, blob_hash: str) -> Sequence[tuple[int, str]]:
        """Return id and file name of the items that need a blob."""
        query = select(MediaItem.id, MediaItem.filename).where(MediaItem.blob_hash == blob_hash).order_by(MediaItem.id)
        return [(row[0], row[1]) for row in self._session.execute(query)]

    def libraries(self) -> Sequence[tuple[int, str]]:
        """Return id and name of every library."""
        query = select(Library.id, Library.name).order_by(Library.id)
        return [(row[0], row[1]) for row in self._session.execute(query)]

    def albums_miscounted(self, library_id: int) -> int:
        """Return how many albums of a library are shown with another number of tracks than they have."""
        counted = (
            select(Track.album_id, func.count().label("tracks"))
            .where(Track.library_id == library_id, Track.is_listed)
            .group_by(Track.album_id)
            .subquery()
        )
        shown = select(LibraryAlbum).where(LibraryAlbum.library_id == library_id).subquery()
        pairs = counted.outerjoin(shown, shown.c.album_id == counted.c.album_id)
        missing = select(func.count()).select_from(pairs)
        wrong = missing.where(or_(shown.c.album_id.is_(None), shown.c.track_count != counted.c.tracks))
        empty = (
            select(func.count())
            .select_from(shown.outerjoin(counted, shown.c.album_id == counted.c.album_id))
            .where(counted.c.album_id.is_(None))
        )
        return (self._session.scalar(wrong) or 0) + (self._session.scalar(empty) or 0)

    def tracks_without_text(self, library_id: int) -> int:
        """Return how many listed tracks of a library no search can find."""
        return self._session.scalar(select(func.count()).select_from(self._unfound(library_id).subquery())) or 0

    def put_missing_texts(self, library_id: int) -> int:
        """Let some of them be found again; return how many."""
        rows = self._session.execute(self._unfound(library_id).limit(_TEXTS)).all()
        bodies = {row[0]: "\n".join((fold(row[1]), fold(row[2]), fold(row[3])))[:2000] for row in rows}
        self._session.execute(delete(TrackText).where(TrackText.id.in_(list(bodies))))
        put_texts(self._session, TRACKS, library_id, bodies)
        return len(bodies)

    def changes_beyond(self, library_id: int) -> int:
        """Return how far the changes of a library are ahead of its counter."""
        newest = self._session.scalar(select(func.max(Change.seq)).where(Change.library_id == library_id)) or 0
        counter = self._session.scalar(select(Library.change_seq).where(Library.id == library_id)) or 0
        return max(newest - counter, 0)

    def raise_counter(self, library_id: int) -> None:
        """Put the counter of a library behind its newest change."""
        newest = select(func.max(Change.seq)).where(Change.library_id == library_id).scalar_subquery()
        self._session.execute(update(Library).where(Library.id == library_id).values(change_seq=newest))

    def end_access(self, now: datetime) -> AccessEnded:
        """End every session and app key; forget open invites and uploads."""
        living, unused = UserSession.revoked_at.is_(None), Invite.used_at.is_(None)
        return AccessEnded(
            self._count(update(UserSession).where(living).values(revoked_at=now).returning(UserSession.id)),
            self._count(update(AppKey).where(AppKey.revoked_at.is_(None)).values(revoked_at=now).returning(AppKey.id)),
            self._count(delete(Invite).where(unused).returning(Invite.id)),
            self._count(delete(Upload).returning(Upload.id)),
        )

    def _count(self, statement: Any) -> int:  # noqa: ANN401 - of several kinds, all with RETURNING
        return len(self._session.scalars(statement).all())

    def complaints(self) -> Sequence[str]:
        """Return what the database says of itself; PostgreSQL has nothing of the kind without an extension."""
        connection = self._session.connection()
        if not is_sqlite(connection.dialect):
            return []
        said = connection.execute(text("PRAGMA integrity_check(20)")).scalars().all()
        dangling = connection.execute(text("PRAGMA foreign_key_check")).all()
        found = [line for line in said if line != "ok"]
        return found + [f"{row[0]} row {row[1]} refers to a row of {row[2]} that is not there" for row in dangling[:20]]

    def _unfound(self, library_id: int) -> Select[int, str, str, str]:
        is_there = and_(TrackText.id == Track.id, TrackText.scope == library_id)
        return (
            select(Track.id, Track.title, Track.artist_name, Album.title)
            .join(Album, Album.id == Track.album_id)
            .outerjoin(TrackText, is_there)
            .where(Track.library_id == library_id, Track.is_listed, TrackText.id.is_(None))
            .order_by(Track.id)
        )
