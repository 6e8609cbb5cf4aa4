"""Playlists: kept by one account, heard by it, and by everybody when they are public."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx
from tutti.db.repos.browse import TrackRow
from tutti.db.repos.playlists import EntryRow, PlaylistRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import ItemId, LibraryId
from tutti.kit.paging import CursorKind, Page, page_of
from tutti.kit.text import clean, sort_key
from tutti.models import Playlist
from tutti.services.catalog import PageWish, opened
from tutti.services.libraries import readable

NAME_MAX = 255
DESCRIPTION_MAX = 10_000
MOST_TRACKS = 10_000
"""Of one playlist."""
_MOST_PLAYLISTS = 1_000
_MOST_OF_ALL = 100_000
"""Of all playlists of an account together: they are counted whenever somebody lists them."""

_BY_NAME = CursorKind("playlists", (str, int))
_BY_PLACE = CursorKind("playlist.tracks", (int, int))


@dataclass(frozen=True, slots=True)
class PlaylistWish:
    """What a playlist is to be; None leaves as it is, or makes it private and without a description."""

    name: str | None = None
    description: str | None = None
    is_public: bool | None = None


class Playlists:
    """A track may be in a playlist several times.

    What a reader cannot hear, because it is in the trash or in a library he may not read, he is not told of; it stays
    where it is, and is there again when he can.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, caller: Caller, wish: PageWish) -> Page[PlaylistRow]:
        """Return a page of the caller's own and the public playlists, by name.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; FORBIDDEN `not_allowed`.
        """
        after, limit = opened(wish, _BY_NAME)
        with self._db.read() as tx:
            libraries = readable(tx, caller)
            rows = tx.playlists.page(caller.user_id, after=after, limit=limit + 1)
            page = page_of(rows, limit, _BY_NAME, lambda row: (row.sort, row.id))
            return Page(tx.playlists.counted(page.items, libraries), page.next_cursor)

    def one(self, caller: Caller, uuid: UUID) -> PlaylistRow:
        """Return one playlist.

        Raises:
            AppError: NOT_FOUND `playlist_not_found`; FORBIDDEN `not_allowed`.
        """
        with self._db.read() as tx:
            return _counted(tx, caller, readable(tx, caller), uuid)

    def create(self, caller: Caller, wish: PlaylistWish, tracks: Sequence[UUID] = ()) -> PlaylistRow:
        """Make a playlist of these tracks, in their order.

        Raises:
            AppError: INVALID `bad_name`, `bad_description`, `too_many_tracks`; NOT_FOUND `track_not_found`; LIMITED
                `too_many_playlists`; FORBIDDEN `not_allowed`.
        """
        values = _values(PlaylistWish(wish.name or "", wish.description or "", wish.is_public or False))
        with self._db.write() as tx:
            libraries = readable(tx, caller)
            items = _heard(tx, libraries, tracks)
            if tx.playlists.count(caller.user_id) >= _MOST_PLAYLISTS:
                raise AppError(ErrorKind.LIMITED, "too_many_playlists", "There are too many playlists already.")
            playlist = Playlist(
                uuid=uuid4(), user_id=caller.user_id, revision=1, created_at=tx.now, updated_at=tx.now, **values
            )
            tx.playlists.add(playlist)
            _insert(tx, caller, playlist.id, 0, items)
            return _counted(tx, caller, libraries, playlist.uuid)

    def change(self, caller: Caller, uuid: UUID, wish: PlaylistWish) -> PlaylistRow:
        """Give a playlist another name or description, or show it to others or not.

        Raises:
            AppError: NOT_FOUND `playlist_not_found`; FORBIDDEN `not_the_owner`, `not_allowed`; INVALID `bad_name`,
                `bad_description`.
        """
        values = _values(wish)
        with self._db.write() as tx:
            libraries, playlist = readable(tx, caller), _own(tx, caller, uuid)
            if values:
                tx.playlists.change(playlist.id, updated_at=tx.now, **values)
            return _counted(tx, caller, libraries, uuid)

    def delete(self, caller: Caller, uuid: UUID) -> None:
        """Delete a playlist; its tracks stay what they are.

        Raises:
            AppError: As `change`, but for INVALID.
        """
        with self._db.write() as tx:
            tx.playlists.remove(_own(tx, caller, uuid).id)

    def tracks(self, caller: Caller, uuid: UUID, wish: PageWish) -> Page[TrackRow]:
        """Return a page of what is in a playlist, in its order.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; NOT_FOUND `playlist_not_found`; FORBIDDEN `not_allowed`.
        """
        after, limit = opened(wish, _BY_PLACE)
        with self._db.read() as tx:
            libraries = readable(tx, caller)
            playlist = _visible(tx, caller, uuid)
            rows = tx.playlists.entries(playlist.id, libraries, after=after, limit=limit + 1)
            page: Page[EntryRow] = page_of(rows, limit, _BY_PLACE, lambda row: (row.position, row.id))
            return Page(tx.browse.tracks_by_id([row.item_id for row in page.items]), page.next_cursor)

    def add(self, caller: Caller, uuid: UUID, tracks: Sequence[UUID], *, position: int | None = None) -> PlaylistRow:
        """Put tracks into a playlist, so that the first of them is heard as number `position`, counted from 0.

        Behind all others without one, or when there are not so many.

        Raises:
            AppError: NOT_FOUND `playlist_not_found`, `track_not_found`; FORBIDDEN `not_the_owner`, `not_allowed`;
                INVALID `too_many_tracks`.
        """
        with self._db.write() as tx:
            libraries, playlist = readable(tx, caller), _own(tx, caller, uuid)
            items = _heard(tx, libraries, tracks)
            if items:
                place = tx.playlists.place(playlist.id, libraries, position)
                _insert(tx, caller, playlist.id, place, items)
                tx.playlists.touch(playlist.id, tx.now)
            return _counted(tx, caller, libraries, uuid)

    def replace(
        self, caller: Caller, uuid: UUID, tracks: Sequence[UUID], *, revision: int | None = None
    ) -> PlaylistRow:
        """Let a playlist be these tracks in this order, if it is still the revision that is named.

        What the caller cannot hear now stays, behind them.

        Raises:
            AppError: As `add`; CONFLICT `playlist_changed`.
        """
        with self._db.write() as tx:
            libraries, playlist = readable(tx, caller), _own(tx, caller, uuid)
            if revision is not None and revision != playlist.revision:
                message = "The playlist was changed meanwhile; look at it again."
                raise AppError(ErrorKind.CONFLICT, "playlist_changed", message)
            items = _heard(tx, libraries, tracks)
            tx.playlists.clear(playlist.id, libraries)
            _insert(tx, caller, playlist.id, 0, items)
            tx.playlists.touch(playlist.id, tx.now)
            return _counted(tx, caller, libraries, uuid)

    def take_out(self, caller: Caller, uuid: UUID, track: UUID) -> PlaylistRow:
        """Take a track out of a playlist, wherever it is in it.

        Raises:
            AppError: NOT_FOUND `playlist_not_found`, `track_not_found` when it is not in it; FORBIDDEN
                `not_the_owner`, `not_allowed`.
        """
        with self._db.write() as tx:
            libraries, playlist = readable(tx, caller), _own(tx, caller, uuid)
            if not tx.playlists.take_out(playlist.id, track):
                raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "The playlist has no such track.")
            tx.playlists.touch(playlist.id, tx.now)
            return _counted(tx, caller, libraries, uuid)


def _visible(tx: Tx, caller: Caller, uuid: UUID) -> PlaylistRow:
    row = tx.playlists.visible(caller.user_id, uuid)
    if row is None:
        raise AppError(ErrorKind.NOT_FOUND, "playlist_not_found", "There is no such playlist.")
    return row


def _own(tx: Tx, caller: Caller, uuid: UUID) -> PlaylistRow:
    caller.require(Permission.LISTEN)
    row = _visible(tx, caller, uuid)
    if row.owner_id != caller.user_id:
        raise AppError(ErrorKind.FORBIDDEN, "not_the_owner", "Only whoever made the playlist may change it.")
    return row


def _counted(tx: Tx, caller: Caller, libraries: Sequence[LibraryId], uuid: UUID) -> PlaylistRow:
    return tx.playlists.counted([_visible(tx, caller, uuid)], libraries)[0]


def _heard(tx: Tx, libraries: Sequence[LibraryId], tracks: Sequence[UUID]) -> Sequence[ItemId]:
    """Return the ids of tracks that can be heard, in order."""
    if len(tracks) > MOST_TRACKS:
        raise _too_many()
    found = tx.playlists.heard(libraries, list(set(tracks)))
    if len(found) < len(set(tracks)):
        raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "One of the tracks is not there.")
    return [found[uuid] for uuid in tracks]


def _insert(tx: Tx, caller: Caller, playlist_id: int, position: int, items: Sequence[ItemId]) -> None:
    if not items:
        return
    if tx.playlists.size(playlist_id) + len(items) > MOST_TRACKS:
        raise _too_many()
    if tx.playlists.size_of_all(caller.user_id) + len(items) > _MOST_OF_ALL:
        message = f"All playlists of an account have at most {_MOST_OF_ALL} tracks together."
        raise AppError(ErrorKind.INVALID, "too_many_tracks", message)
    tx.playlists.insert(playlist_id, position, items)


def _too_many() -> AppError:
    return AppError(ErrorKind.INVALID, "too_many_tracks", f"A playlist has at most {MOST_TRACKS} tracks.")


def _values(wish: PlaylistWish) -> dict[str, str | bool]:
    """Return the columns that a wish is about."""
    values: dict[str, str | bool] = {}
    if wish.name is not None:
        name = clean(wish.name, NAME_MAX)
        if not name:
            raise AppError(ErrorKind.INVALID, "bad_name", "A playlist needs a name.")
        values.update(name=name, sort_key=sort_key(name))
    if wish.description is not None:
        if len(wish.description) > DESCRIPTION_MAX:
            message = f"A description has at most {DESCRIPTION_MAX} characters."
            raise AppError(ErrorKind.INVALID, "bad_description", message)
        values["description"] = "\n".join(clean(line, DESCRIPTION_MAX) for line in wish.description.splitlines())
    if wish.is_public is not None:
        values["is_public"] = wish.is_public
    return values
