"""From each format's own words to ours."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.backends.media_worker.reading import bounded
from tutti.backends.media_worker.vocabulary import ASF, ID3, MP4, RIFF, XIPH, Vocabulary, tags_of
from tutti.domain.media import Tags

MBIDS = [f"{number:08x}-2a4e-4d10-a46a-e9e041da8eb3" for number in range(3)]
VOCABULARIES = {"xiph": XIPH, "id3": ID3, "mp4": MP4, "asf": ASF, "riff": RIFF}


def test_the_best_key_wins_and_an_empty_one_does_not() -> None:
    raw = {"artist": ["A feat. B"], "artists": ["A", "B"], "albumartist": [], "album artist": ["A"]}

    tags = tags_of(raw, XIPH)

    assert (tags.artists, tags.album_artists) == (["A", "B"], ["A"])


@pytest.mark.parametrize(
    ("artists", "identities", "expected"),
    [
        (["A/B"], 2, ["A", "B"]),
        (["A; B"], 2, ["A", "B"]),
        (["AC/DC"], 1, ["AC/DC"]),
        (["AC/DC"], 0, ["AC/DC"]),
        (["A/B/C"], 2, ["A/B/C"]),
        (["A", "B"], 2, ["A", "B"]),
    ],
)
def test_joined_names_are_taken_apart_only_where_identifiers_prove_it(
    artists: Sequence[str], identities: int, expected: Sequence[str]
) -> None:
    raw = {"tpe1": artists, "txxx:musicbrainz artist id": ["/".join(MBIDS[:identities])]}

    assert tags_of(raw, ID3).artists == expected


@pytest.mark.parametrize(
    ("raw", "vocabulary", "numbers"),
    [
        ({"trck": ["3/12"], "tpos": ["1/2"]}, ID3, (3, 12, 1, 2)),
        ({"tracknumber": ["3"], "totaltracks": ["12"], "disc": ["1"], "totaldiscs": ["2"]}, XIPH, (3, 12, 1, 2)),
        ({"trkn": ["3/12"], "disk": ["1/2"]}, MP4, (3, 12, 1, 2)),
        ({"wm/tracknumber": ["3"], "wm/partofset": ["1/2"]}, ASF, (3, 0, 1, 2)),
        ({"itrk": ["3"]}, RIFF, (3, 0, 0, 0)),
    ],
)
def test_tracks_and_discs_are_numbered(
    raw: Mapping[str, Sequence[str]], vocabulary: Vocabulary, numbers: tuple[int, int, int, int]
) -> None:
    tags = tags_of(raw, vocabulary)

    assert (tags.track, tags.track_total, tags.disc, tags.disc_total) == numbers


def test_gains_are_read_where_each_format_has_them() -> None:
    prefix = "----:com.apple.itunes:"
    gains = [
        tags_of({"txxx:replaygain_track_gain": ["-7.3 dB"]}, ID3).gain_track_db,
        tags_of({"rva2:track": ["-7.3 dB"]}, ID3).gain_track_db,
        tags_of({"replaygain_track_gain": ["-7.3"]}, XIPH).gain_track_db,
        tags_of({prefix + "replaygain_track_gain": ["-7.3 dB"]}, MP4).gain_track_db,
        tags_of({"replaygain_track_gain": ["-7.3 dB"]}, ASF).gain_track_db,
    ]

    assert gains == [-7.3] * 5


def test_opus_gains_are_relative_to_23_lufs_in_256ths() -> None:
    """RFC 7845 5.2.1; ReplayGain is relative to 18 LUFS, so 5 dB are added."""
    tags = tags_of({"r128_track_gain": ["-1024"], "r128_album_gain": ["256"]}, XIPH)

    assert (tags.gain_track_db, tags.gain_album_db) == (1.0, 6.0)


def test_genres_are_parted_by_semicolons() -> None:
    assert tags_of({"genre": ["Rock; Pop", "R&B/Soul"]}, XIPH).genres == ["Rock", "Pop", "R&B/Soul"]


WORDS = st.text(st.characters(codec=None), max_size=30)


@given(st.sampled_from(sorted(VOCABULARIES)), st.data())
def test_any_tags_give_tags_of_the_promised_shape(name: str, data: st.DataObject) -> None:
    vocabulary = VOCABULARIES[name]
    raw = data.draw(
        st.dictionaries(st.sampled_from(sorted(vocabulary)) | WORDS, st.lists(WORDS, max_size=4), max_size=12)
    )

    tags = tags_of(bounded(raw), vocabulary)

    assert set(asdict(tags)) == set(asdict(Tags()))
    assert all(0 <= number <= 32767 for number in (tags.track, tags.track_total, tags.disc, tags.disc_total))
    assert all(value for values in tags.raw.values() for value in values)
    repr(tags).encode()


def test_raw_tags_are_bounded_in_number_and_length() -> None:
    raw = {f"key{number}": ["x" * 100_000] * 100 for number in range(1000)}

    kept = bounded(raw)

    assert sum(len(value) for values in kept.values() for value in values) <= 200_000
    assert len(bounded({str(number): ["x"] for number in range(1000)})) == 256
