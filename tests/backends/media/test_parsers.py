"""Our readers of ID3, MP4, FLAC and Ogg, against mutagen as the writer: whatever it writes, we read."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.flac import FLAC
from mutagen.id3 import APIC, COMM, ID3, TALB, TCON, TDRC, TIT2, TPE1, TRCK, TXXX, UFID, USLT
from mutagen.mp4 import MP4, MP4FreeForm
from mutagen.oggvorbis import OggVorbis

from support.derive_media import new
from support.media_corpus import corpus, read_here
from tutti.backends.media_worker.id3 import ID3Tag, genres_of, parse_id3
from tutti.domain.media import Reading

LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Cf", "Mn"))
WORD = st.text(LETTERS, min_size=1, max_size=20).filter(lambda word: is_normalized("NFC", word))
"""Without what cleaning changes: here the subject is the format."""

VALUES = st.lists(WORD, min_size=1, max_size=3)
LATIN = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=("Cc", "Zs", "Cf")), min_size=1
)


def _id3(encoding: int, frames: Sequence[Any], **options: Any) -> ID3Tag:
    tags = new(ID3)
    for frame in frames:
        tags.add(frame)
    out = io.BytesIO()
    if options.get("v2_version") == 3:
        tags.update_to_v23()
    tags.save(out, **options)
    return parse_id3(out.getvalue())


@pytest.mark.parametrize("encoding", [1, 2, 3])
@given(title=VALUES, artists=VALUES, key=WORD, value=VALUES)
def test_id3_2_4_is_read_in_every_encoding(
    encoding: int, title: list[str], artists: list[str], key: str, value: list[str]
) -> None:
    frames = [
        new(TIT2, encoding=encoding, text=title),
        new(TPE1, encoding=encoding, text=artists),
        new(TXXX, encoding=encoding, desc=key, text=value),
    ]

    raw = _id3(encoding, frames).raw

    assert (raw["tit2"], raw["tpe1"], raw[f"txxx:{key}".lower()]) == (title, artists, value)


@given(title=WORD, artist=WORD, album=WORD)
def test_id3_2_3_is_read(title: str, artist: str, album: str) -> None:
    kinds = ((TIT2, title), (TPE1, artist), (TALB, album), (TDRC, "2004-05-17"), (TRCK, "3/12"))
    frames = [new(kind, encoding=1, text=[text]) for kind, text in kinds]

    raw = _id3(1, frames, v2_version=3).raw

    assert (raw["tit2"], raw["tpe1"], raw["talb"]) == ([title], [artist], [album])
    assert (raw["tdrc"], raw["trck"]) == (["2004-05-17"], ["3/12"])


@given(text=LATIN)
def test_latin_1_is_read(text: str) -> None:
    assert _id3(0, [new(TIT2, encoding=0, text=[text])]).raw["tit2"] == [text]


@given(encoding=st.sampled_from([0, 1, 3]), description=LATIN, data=st.binary(min_size=1, max_size=300))
def test_pictures_are_read_after_descriptions_of_any_encoding(encoding: int, description: str, data: bytes) -> None:
    frame = new(APIC, encoding=encoding, mime="image/png", type=3, desc=description, data=data)

    assert _id3(encoding, [frame]).pictures == [(3, data)]


def test_comments_lyrics_and_identifiers_are_read() -> None:
    frames = [
        new(COMM, encoding=3, lang="eng", desc="", text=["plain"]),
        new(COMM, encoding=3, lang="eng", desc="iTunNORM", text=["0000"]),
        new(USLT, encoding=1, lang="deu", desc="", text="Zeile\nZeile"),
        new(UFID, owner="http://musicbrainz.org", data=b"an id"),
    ]

    raw = _id3(3, frames).raw

    assert (raw["comm"], raw["comm:itunnorm"], raw["uslt"]) == (["plain"], ["0000"], ["Zeile\nZeile"])
    assert raw["ufid:http://musicbrainz.org"] == ["an id"]


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("(17)", ["Rock"]),
        ("17", ["Rock"]),
        ("(4)Eurodisco", ["Disco", "Eurodisco"]),
        ("(31)(39)", ["Trance", "Noise"]),
        ("((Foo)", ["(Foo)"]),
        ("(RX)(CR)", ["Remix", "Cover"]),
        ("Rock", ["Rock"]),
        ("(999)", []),
        ("999", ["999"]),
        ("", []),
    ],
)
def test_genres_may_be_numbers(text: str, genres: list[str]) -> None:
    assert [genre for genre in genres_of(text) if genre] == genres


def test_genres_are_read_as_mutagen_does() -> None:
    tag = _id3(3, [new(TCON, encoding=3, text=["(17)", "Post-Rock"])])

    assert tag.raw["tcon"] == ["Rock", "Post-Rock"]


def _base(name: str) -> bytes:
    return next(path for path in corpus("beets") if path.name == name).read_bytes()


def _resaved(data: bytes, kind: Callable[..., Any], tags: Mapping[str, Any]) -> bytes:
    out = io.BytesIO(data)
    file = new(kind, out)
    file.delete(out)
    out.seek(0)
    file = new(kind, out)
    file.update(tags)
    out.seek(0)
    file.save(out)
    return out.getvalue()


KEY = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20).filter(lambda key: key != "coverart")


@pytest.mark.parametrize(("name", "kind"), [("empty.flac", FLAC), ("empty.ogg", OggVorbis)])
@given(tags=st.dictionaries(KEY, VALUES, min_size=1, max_size=8))
def test_comments_of_flac_and_ogg_are_read(name: str, kind: Callable[..., Any], tags: dict[str, list[str]]) -> None:
    answer = read_here(_resaved(_base(name), kind, tags), name)

    assert isinstance(answer, Reading)
    assert answer.tags.raw == tags


@given(length=st.integers(1, 400_000))
def test_comments_over_many_pages_are_read(length: int) -> None:
    data = _resaved(_base("empty.ogg"), OggVorbis, {"title": ["x" * 10], "encoder": ["y" * length]})

    answer = read_here(data, "song.ogg")

    assert isinstance(answer, Reading)
    assert answer.tags.title == "x" * 10


@given(title=VALUES, freeform=VALUES, track=st.integers(1, 999), total=st.integers(0, 999))
def test_items_of_mp4_are_read(title: list[str], freeform: list[str], track: int, total: int) -> None:
    key = "----:com.apple.iTunes:ARTISTS"
    tags = {
        "\xa9nam": title,
        "trkn": [(track, total)],
        "cpil": True,
        "tmpo": [120],
        key: [new(MP4FreeForm, value.encode()) for value in freeform],
    }

    answer = read_here(_resaved(_base("empty.m4a"), MP4, tags), "song.m4a")

    assert isinstance(answer, Reading)
    raw = answer.tags.raw
    assert (raw["©nam"], raw[key.lower()], raw["tmpo"]) == (title, freeform, ["120"])
    assert (answer.tags.track, answer.tags.track_total) == (track, total)
    assert answer.tags.is_compilation
