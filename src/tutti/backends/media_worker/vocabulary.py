"""Translates each format's own tag names into the one vocabulary of `Tags`.

Sources: the tag mappings of MusicBrainz Picard, ReplayGain 2.0, RFC 7845 5.2.1 (R128), Xiph's comment field names.
"""

from collections.abc import Mapping, Sequence

from tutti.backends.media_worker.cleaning import (
    clean_block,
    clean_line,
    clean_values,
    gain_db,
    is_true,
    iso_date,
    number_of,
    peak_of,
    r128_gain_db,
    uuids_of,
)
from tutti.domain.media import Tags

Raw = Mapping[str, Sequence[str]]
"""Text tags as read: the format's own key in lower case to its values."""

Vocabulary = Mapping[str, tuple[str, int]]
"""A format's own key in lower case to the field that it holds, and its rank among that field's keys, 0 the best."""


def _vocabulary(fields: Mapping[str, Sequence[str]]) -> Vocabulary:
    """Return the vocabulary that these fields make, each with its keys, the best first."""
    return {key: (field, rank) for field, keys in fields.items() for rank, key in enumerate(keys)}


def either(first: Vocabulary, second: Vocabulary) -> Vocabulary:
    """Return the vocabulary of a file that carries tags of two kinds, the first preferred."""
    return {**{key: (field, rank + len(first)) for key, (field, rank) in second.items()}, **first}


_ITUNES = "----:com.apple.itunes:"

XIPH = _vocabulary(
    {
        "title": ("title",),
        "artists": ("artists", "artist"),
        "album": ("album",),
        "album_artists": ("albumartists", "albumartist", "album artist", "album_artist", "ensemble"),
        "genres": ("genre",),
        "composers": ("composer",),
        "date": ("date", "year", "originaldate", "originalyear"),
        "track": ("tracknumber", "track"),
        "track_total": ("tracktotal", "totaltracks"),
        "disc": ("discnumber", "disc"),
        "disc_total": ("disctotal", "totaldiscs"),
        "is_compilation": ("compilation",),
        "lyrics": ("lyrics", "unsyncedlyrics", "unsynced lyrics"),
        "comment": ("comment", "description"),
        "mb_recording": ("musicbrainz_trackid",),
        "mb_release": ("musicbrainz_albumid",),
        "mb_artists": ("musicbrainz_artistid",),
        "mb_album_artists": ("musicbrainz_albumartistid",),
        "gain_track": ("replaygain_track_gain",),
        "gain_album": ("replaygain_album_gain",),
        "r128_track": ("r128_track_gain",),
        "r128_album": ("r128_album_gain",),
        "peak_track": ("replaygain_track_peak",),
        "peak_album": ("replaygain_album_peak",),
    }
)
"""Vorbis comments and APEv2, which use the same names but for case and a few spaces."""

ID3 = _vocabulary(
    {
        "title": ("tit2",),
        "artists": ("txxx:artists", "tpe1"),
        "album": ("talb",),
        "album_artists": ("txxx:albumartists", "tpe2", "txxx:albumartist", "txxx:album artist"),
        "genres": ("tcon",),
        "composers": ("tcom",),
        "date": ("tdrc", "tdrl", "tdor", "txxx:year"),
        "track": ("trck",),
        "track_total": ("txxx:totaltracks", "txxx:tracktotal"),
        "disc": ("tpos",),
        "disc_total": ("txxx:totaldiscs", "txxx:disctotal"),
        "is_compilation": ("tcmp", "txxx:compilation"),
        "lyrics": ("uslt", "txxx:lyrics"),
        "comment": ("comm", "txxx:comment"),
        "mb_recording": ("ufid:http://musicbrainz.org", "txxx:musicbrainz track id"),
        "mb_release": ("txxx:musicbrainz album id",),
        "mb_artists": ("txxx:musicbrainz artist id",),
        "mb_album_artists": ("txxx:musicbrainz album artist id",),
        "gain_track": ("txxx:replaygain_track_gain", "rva2:track"),
        "gain_album": ("txxx:replaygain_album_gain", "rva2:album"),
        "peak_track": ("txxx:replaygain_track_peak",),
        "peak_album": ("txxx:replaygain_album_peak",),
    }
)

MP4 = _vocabulary(
    {
        "title": ("©nam",),
        "artists": (_ITUNES + "artists", "©art"),
        "album": ("©alb",),
        "album_artists": (_ITUNES + "albumartists", "aart"),
        "genres": ("©gen", "gnre"),
        "composers": ("©wrt",),
        "date": ("©day",),
        "track": ("trkn",),
        "disc": ("disk",),
        "is_compilation": ("cpil",),
        "lyrics": ("©lyr",),
        "comment": ("©cmt",),
        "mb_recording": (_ITUNES + "musicbrainz track id",),
        "mb_release": (_ITUNES + "musicbrainz album id",),
        "mb_artists": (_ITUNES + "musicbrainz artist id",),
        "mb_album_artists": (_ITUNES + "musicbrainz album artist id",),
        "gain_track": (_ITUNES + "replaygain_track_gain",),
        "gain_album": (_ITUNES + "replaygain_album_gain",),
        "peak_track": (_ITUNES + "replaygain_track_peak",),
        "peak_album": (_ITUNES + "replaygain_album_peak",),
    }
)

ASF = _vocabulary(
    {
        "title": ("title", "wm/title"),
        "artists": ("wm/artists", "author", "artist"),
        "album": ("wm/albumtitle", "album"),
        "album_artists": ("wm/albumartists", "wm/albumartist", "album_artist", "albumartist"),
        "genres": ("wm/genre", "genre"),
        "composers": ("wm/composer", "composer"),
        "date": ("wm/year", "date", "year", "wm/originalreleaseyear"),
        "track": ("wm/tracknumber", "wm/track", "track", "tracknumber"),
        "track_total": ("totaltracks", "tracktotal"),
        "disc": ("wm/partofset", "disc", "discnumber"),
        "disc_total": ("totaldiscs", "disctotal"),
        "is_compilation": ("wm/iscompilation", "compilation"),
        "lyrics": ("wm/lyrics", "lyrics"),
        "comment": ("description", "comment", "wm/comments"),
        "mb_recording": ("musicbrainz/track id",),
        "mb_release": ("musicbrainz/album id",),
        "mb_artists": ("musicbrainz/artist id",),
        "mb_album_artists": ("musicbrainz/album artist id",),
        "gain_track": ("replaygain_track_gain", "replaygain/track_gain"),
        "gain_album": ("replaygain_album_gain", "replaygain/album_gain"),
        "peak_track": ("replaygain_track_peak", "replaygain/track_peak"),
        "peak_album": ("replaygain_album_peak", "replaygain/album_peak"),
    }
)
"""FFmpeg writes the plain lower-case names, Windows the rest."""

RIFF = _vocabulary(
    {
        "title": ("inam",),
        "artists": ("iart",),
        "album": ("iprd", "ialb"),
        "genres": ("ignr",),
        "composers": ("imus",),
        "date": ("icrd", "year"),
        "track": ("itrk", "iprt"),
        "comment": ("icmt",),
    }
)
"""`LIST INFO` has no place for an album artist or a disc."""


ID3_OR_RIFF = either(ID3, RIFF)
ID3_OR_APE = either(ID3, XIPH)


def tags_of(raw: Raw, vocabulary: Vocabulary) -> Tags:
    """Return the tags that these raw ones say, in our vocabulary; what cannot be understood counts as absent."""
    found = _fields_of(raw, vocabulary)

    def values(field: str) -> Sequence[str]:
        return found.get(field, ())

    def first(field: str) -> str:
        return found[field][0] if field in found else ""

    track, track_total = number_of(first("track"))
    disc, disc_total = number_of(first("disc"))
    mb_artists, mb_album_artists = uuids_of(values("mb_artists")), uuids_of(values("mb_album_artists"))
    return Tags(
        title=clean_line(first("title")),
        artists=_names(values("artists"), len(mb_artists)),
        album=clean_line(first("album")),
        album_artists=_names(values("album_artists"), len(mb_album_artists)),
        genres=clean_values(part for value in values("genres") for part in value.split(";")),
        composers=clean_values(values("composers")),
        date=iso_date(first("date")),
        track=track,
        track_total=track_total or number_of(first("track_total"))[0],
        disc=disc,
        disc_total=disc_total or number_of(first("disc_total"))[0],
        is_compilation=is_true(first("is_compilation")),
        lyrics=clean_block(first("lyrics")),
        comment=clean_block(first("comment")),
        mb_recording=_one_uuid(values("mb_recording")),
        mb_release=_one_uuid(values("mb_release")),
        mb_artists=mb_artists,
        mb_album_artists=mb_album_artists,
        gain_track_db=_either_gain(first("gain_track"), first("r128_track")),
        gain_album_db=_either_gain(first("gain_album"), first("r128_album")),
        peak_track=peak_of(first("peak_track")),
        peak_album=peak_of(first("peak_album")),
        raw=raw,
    )


def _fields_of(raw: Raw, vocabulary: Vocabulary) -> Mapping[str, Sequence[str]]:
    """Return our field to the values of the best key that has some."""
    found: dict[str, tuple[int, Sequence[str]]] = {}
    for key, texts in raw.items():
        if texts and key in vocabulary:
            field, rank = vocabulary[key]
            if field not in found or rank < found[field][0]:
                found[field] = rank, texts
    return {field: texts for field, (_, texts) in found.items()}


def _either_gain(replay_gain: str, r128: str) -> float | None:
    gain = gain_db(replay_gain)
    return r128_gain_db(r128) if gain is None else gain


def _names(values: Sequence[str], identities: int) -> Sequence[str]:
    """Clean names, and take apart joined ones only where as many MusicBrainz ids prove that they are several.

    ID3v2.3 joins by a slash, and so does AC/DC.
    """
    names = clean_values(values)
    if len(names) == 1 < identities:
        for separator in ("/", ";"):
            parts = clean_values(names[0].split(separator))
            if len(parts) == identities:
                return parts
    return names


def _one_uuid(values: Sequence[str]) -> str:
    return next(iter(uuids_of(values)), "")
