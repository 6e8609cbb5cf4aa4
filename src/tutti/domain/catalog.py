"""How tags become tracks, artists, albums and genres, and what makes two of them the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from tutti.domain.media import Tags
from tutti.kit.text import fold, sort_key

UNKNOWN_ARTIST = "Unknown artist"
VARIOUS_ARTISTS = "Various Artists"
_FIELD = "\n"
"""Parts the fields of a searchable text, so that a title can be told from a prefix of it."""


class CreditRole(StrEnum):
    """What an artist did on a track."""

    ARTIST = "artist"
    ALBUM_ARTIST = "album_artist"
    COMPOSER = "composer"


@dataclass(frozen=True, slots=True)
class ArtistDraft:
    """An artist as named by a file; two with one `identity` are the same artist."""

    identity: str
    name: str
    sort_key: str
    mbid: str = ""


@dataclass(frozen=True, slots=True)
class AlbumDraft:
    """A release as named by a file; two with one `identity` are the same album."""

    identity: str
    title: str
    sort_key: str
    artist: ArtistDraft
    date: str
    is_compilation: bool
    mbid: str = ""


@dataclass(frozen=True, slots=True)
class GenreDraft:
    """A genre as named by a file."""

    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class TrackDraft:
    """All that the catalog stores of one file.

    Attributes:
        credits: Pairs of role and artist, in the order of the tags; the first ARTIST is the track's own.
        body: The folded text it is found by: title, artists, album, one line each.
    """

    title: str
    title_sort: str
    artist_name: str
    album: AlbumDraft
    credits: Sequence[tuple[CreditRole, ArtistDraft]]
    genres: Sequence[GenreDraft]
    body: str
    tags: Tags


def describe(tags: Tags, *, stem: str, folder_name: str, folder_identity: str) -> TrackDraft:
    """Make a draft of one file.

    Args:
        tags: As read.
        stem: The file's name without its extension: the title of a file without tags.
        folder_name: The name of its folder: the album of a file without tags.
        folder_identity: What makes that folder unique on this server.
    """
    title = tags.title or stem
    artists = _artists(tags.artists, tags.mb_artists) or (artist(UNKNOWN_ARTIST),)
    album_artists = _album_artists(tags, artists)
    album = _album(tags, album_artists[0], folder_name=folder_name, folder_identity=folder_identity)
    credits_ = [
        *((CreditRole.ARTIST, one) for one in artists),
        *((CreditRole.ALBUM_ARTIST, one) for one in album_artists),
        *((CreditRole.COMPOSER, artist(name)) for name in tags.composers if fold(name)),
    ]
    artist_name = ", ".join(one.name for one in artists)
    genres = tuple({key: GenreDraft(key, name) for name in tags.genres if (key := fold(name)[:300])}.values())
    return TrackDraft(
        title=title[:500],
        title_sort=sort_key(title)[:600],
        artist_name=artist_name[:1000],
        album=album,
        credits=tuple(dict.fromkeys(credits_)),
        genres=genres,
        body=_FIELD.join((fold(title), fold(artist_name), fold(album.title)))[:2000],
        tags=tags,
    )


@lru_cache(maxsize=4096)
def artist(name: str, mbid: str = "") -> ArtistDraft:
    """Make a draft of one artist; the files of a folder name the same few."""
    folded = fold(name)[:580]
    # A name of symbols alone folds to nothing and is still a name.
    identity = f"mb:{mbid}" if mbid else f"name:{folded or name[:580]}"
    return ArtistDraft(identity, name[:500], sort_key(name)[:600], mbid)


def _artists(names: Sequence[str], mbids: Sequence[str]) -> tuple[ArtistDraft, ...]:
    ids = mbids if len(mbids) == len(names) else [""] * len(names)
    return tuple(artist(name, mbid) for name, mbid in zip(names, ids, strict=True) if name)


def _album_artists(tags: Tags, artists: Sequence[ArtistDraft]) -> Sequence[ArtistDraft]:
    named = _artists(tags.album_artists, tags.mb_album_artists)
    if named:
        return named
    return (artist(VARIOUS_ARTISTS),) if tags.is_compilation else artists[:1]


def _album(tags: Tags, by: ArtistDraft, *, folder_name: str, folder_identity: str) -> AlbumDraft:
    title = tags.album or folder_name
    if tags.mb_release:
        identity = f"mb:{tags.mb_release}"
    elif tags.album:
        identity = f"name:{by.identity}/{fold(title)[:600] or title[:600]}"
    else:
        identity = f"folder:{folder_identity}"
    return AlbumDraft(
        identity[:1300], title[:500], sort_key(title)[:600], by, tags.date, tags.is_compilation, tags.mb_release
    )
