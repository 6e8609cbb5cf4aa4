"""reliability.md O-MD1 to O-MD4 and X6: media made to trick, bloat or stall whoever opens it."""

import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from support.media_corpus import media_file, read_here
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.media import Reading, Refusal, Refused

MPEG_FRAME = b"\xff\xfb\x90\x00" + b"\0" * 413
SOUND = MPEG_FRAME * 40
MEMORY_KIB = 150 << 10


def _seven_bits(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _id3(body: bytes, *, version: int = 4, flags: int = 0, claimed: int | None = None) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + _seven_bits(len(body) if claimed is None else claimed) + body


def _frame(name: bytes, data: bytes) -> bytes:
    return name + _seven_bits(len(data)) + b"\0\0" + data


def _flac(*blocks: tuple[int, bytes]) -> bytes:
    info = (
        struct.pack(">HH", 4096, 4096)
        + bytes(6)
        + ((44100 << 44) | (1 << 41) | (15 << 36)).to_bytes(8, "big")
        + bytes(16)
    )
    parts = [(0, info), *blocks]
    return b"fLaC" + b"".join(
        bytes([kind | (0x80 if place == len(parts) - 1 else 0)]) + len(data).to_bytes(3, "big") + data
        for place, (kind, data) in enumerate(parts)
    )


def _page(serial: int, flags: int, position: int, data: bytes) -> bytes:
    lacing = bytes([255] * (len(data) // 255) + [len(data) % 255])
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, serial, 0, 0, len(lacing)) + lacing + data


OPUS_HEAD = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 312, 48000, 0, 0)


def _opus(comments: bytes, *more: bytes) -> bytes:
    return b"".join(
        (_page(1, 2, 0, OPUS_HEAD), _page(1, 0, 0, b"OpusTags" + comments), *more, _page(1, 4, 96312, b"\0" * 50))
    )


NO_COMMENTS = struct.pack("<II", 0, 0)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "ogg", "wav", "wma", "aac"])
@pytest.mark.parametrize(
    "text",
    [
        b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period/></MPD>",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        b"http://127.0.0.1:1/stream\n",
    ],
)
def test_playlists_named_like_music_are_text(text: bytes, suffix: str) -> None:
    """O-MD1: nothing here follows an address, whatever a file says."""
    answer = read_here(text, f"song.{suffix}")

    assert isinstance(answer, Refused)
    assert (answer.reason, answer.message[:12]) == (Refusal.NOT_MEDIA, "This is text")


def test_a_cover_that_is_an_address_is_no_cover() -> None:
    """O-MD2."""
    picture = _frame(b"APIC", b"\0-->\0\3\0http://127.0.0.1:1/cover.jpg")

    answer = read_here(_id3(_frame(b"TIT2", b"\3Song") + picture) + SOUND, "song.mp3")

    assert isinstance(answer, Reading)
    assert (answer.tags.title, answer.cover) == ("Song", None)


def test_a_tag_that_claims_more_than_the_file_is_damage() -> None:
    """O-MD3 and X6: 256 MB of ID3 in one kilobyte."""
    answer = read_here(_id3(b"\0" * 1000, claimed=(1 << 28) - 1), "song.mp3")

    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.DAMAGED


HOSTILE: dict[str, Callable[[], tuple[str, bytes]]] = {
    "a million ID3 frames": lambda: ("mp3", _id3(_frame(b"TXXX", b"\3a\0b") * 1_000_000) + SOUND),
    "a million empty frames": lambda: ("mp3", _id3(_frame(b"TIT2", b"") * 1_000_000) + SOUND),
    "chapters in chapters": lambda: ("mp3", _id3(_nested_chapters(500)) + SOUND),
    "UTF-16 of odd length": lambda: ("mp3", _id3(_frame(b"TIT2", b"\1\xff\xfeA\0B")) + SOUND),
    "a packed frame of 64 MiB": lambda: ("mp3", _id3(_packed_frame()) + SOUND),
    "three thousand tags in a row": lambda: ("mp3", _id3(_frame(b"TIT2", b"\3a")) * 3000 + SOUND),
    "a FLAC comment count of 4 Gi": lambda: ("flac", _flac((4, struct.pack("<II", 0, 0xFFFFFFFF)))),
    "a FLAC comment of 4 GiB": lambda: ("flac", _flac((4, struct.pack("<III", 0, 1, 0xFFFFFFFF)))),
    "a FLAC vendor of 4 GiB": lambda: ("flac", _flac((4, b"\xff\xff\xff\xff"))),
    "a million FLAC comments": lambda: (
        "flac",
        _flac((4, struct.pack("<II", 0, 1 << 20) + b"\4\0\0\0a=bc" * (1 << 20))),
    ),
    "a FLAC picture of 2 GiB": lambda: ("flac", _flac((6, struct.pack(">IIIIIIII", 3, 0, 0, 1, 1, 24, 0, 1 << 31)))),
    "FLAC without an end of its blocks": lambda: ("flac", _flac()[:4] + (b"\1\0\0\0" * 100_000)),
    "an Ogg comment count of 4 Gi": lambda: ("opus", _opus(struct.pack("<II", 0, 0xFFFFFFFF))),
    "pages without content": lambda: ("opus", _opus(NO_COMMENTS, *[_page(1, 0, 0, b"")] * 100_000)),
    "a hundred thousand chained streams": lambda: ("opus", b"".join(_chained(100_000))),
    "a hundred thousand streams at once": lambda: ("opus", b"".join(_page(n, 2, 0, b"x") for n in range(100_000))),
    "pages that say nothing of where they are": lambda: (
        "opus",
        _opus(NO_COMMENTS, *[_page(2, 0, -1, b"x")] * 100_000),
    ),
    "an MP4 index of boxes without end": lambda: (
        "m4a",
        _box(b"ftyp", b"M4A ") + _box(b"moov", _box(b"free", b"") * 500_000),
    ),
    "a WAV of a million chunks": lambda: ("wav", b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 1_000_000),
    "sync words and nothing else": lambda: ("aac", b"\xff\xf1" * 2_000_000),
    "MPEG sync words and nothing else": lambda: ("mp3", b"\xff\xfb" * 2_000_000),
    "zeros": lambda: ("mp3", bytes(30_000_000)),
    "a Musepack packet that leads back to itself": lambda: (
        "mpc",
        b"MPCKSH\x0e\xef*)\x81\x18\xf9\x83^\x00\x05\x19R\x00\x00",
    ),
    "APE items of 4 Gi": lambda: ("mp3", SOUND + _ape_footer(claimed=0xFFFFFFFF, items=0xFFFFFFFF)),
}


def _nested_chapters(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = _frame(b"CHAP", b"a\0" + bytes(16) + data)
    return data


def _packed_frame() -> bytes:
    data = zlib.compress(bytes(64 << 20), 1)
    return b"TIT2" + _seven_bits(len(data) + 4) + b"\0\x09" + _seven_bits(64 << 20) + data


def _chained(count: int) -> list[bytes]:
    link = _page(0, 2, 0, OPUS_HEAD) + _page(0, 0, 0, b"OpusTags" + NO_COMMENTS) + _page(0, 4, 960, b"\0")
    return [link.replace(b"\0" * 8 + b"\0\0\0\0", bytes(8) + struct.pack("<I", number), 1) for number in range(count)]


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + name + data


def _ape_footer(*, claimed: int, items: int) -> bytes:
    return struct.pack("<8sIIIIQ", b"APETAGEX", 2000, claimed, items, 0, 0)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_media_takes_no_memory_to_speak_of(name: str) -> None:
    """O-MD3, O-MD4 and P51."""
    suffix, data = HOSTILE[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    answer = read_here(data, f"song.{suffix}")

    assert isinstance(answer, Reading | Refused)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KIB


def test_a_musepack_packet_without_content_does_not_go_round_for_ever() -> None:
    """Found by mutation: mutagen 1.48.1 reads such a packet again and again."""
    suffix, data = HOSTILE["a Musepack packet that leads back to itself"]()

    assert read_here(data, f"song.{suffix}") == Refused(Refusal.DAMAGED, "Its structure leads round in circles.")


def test_hostile_media_is_done_before_its_time_is_up_and_costs_no_other_answer(
    reader: PooledMediaReader, tmp_path: Path
) -> None:
    paths = []
    for number, make in enumerate(HOSTILE.values()):
        suffix, data = make()
        paths += [tmp_path / f"{number}.{suffix}", tmp_path / f"{number}-good.mp3"]
        paths[-2].write_bytes(data)
        paths[-1].write_bytes(_id3(_frame(b"TIT2", b"\3Good")) + SOUND)

    answers = list(reader.read(map(media_file, paths)))

    titles = [answer.tags.title for answer in answers[1::2] if isinstance(answer, Reading)]
    reasons = {answer.reason for answer in answers if isinstance(answer, Refused)}
    assert titles == ["Good"] * len(HOSTILE)
    assert reasons <= {Refusal.DAMAGED, Refusal.NOT_MEDIA}


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "ogg", "wav", "wma", "aac", "ape", "dsf", "aiff"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Refusal.EMPTY),
        (b"PK\3\4" + bytes(60), Refusal.NOT_MEDIA),
        (b"<html><script>alert(1)</script>", Refusal.NOT_MEDIA),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", Refusal.NOT_MEDIA),
        (b"\x7fELF" + bytes(60), Refusal.NOT_MEDIA),
        (bytes(5000), Refusal.NOT_MEDIA),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), Refusal.WRONG_TYPE),
        (b"\x1aE\xdf\xa3" + bytes(60), Refusal.WRONG_TYPE),
    ],
)
def test_what_is_no_music_is_refused_with_its_reason(data: bytes, reason: Refusal, suffix: str) -> None:
    answer = read_here(data, f"song.{suffix}")

    assert isinstance(answer, Refused)
    assert answer.reason is reason
    assert answer.message.endswith(".")
