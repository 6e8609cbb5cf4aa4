"""The hand-written messages of uploads and downloads say what protobuf's own would."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tutti.doors.astolfo.frames import chunk, read_piece
from tutti.doors.astolfo.gen.file_pb2 import DownloadResponse, FileMetadata, UploadRequest

SIZES = st.one_of(st.integers(0, 300), st.sampled_from([127, 128, 16_383, 16_384, 65_535, 65_536, 70_000]))


def in_general(message: bytes) -> object:
    parsed = UploadRequest.FromString(message)
    which = parsed.WhichOneof("data")
    return None if which is None else getattr(parsed, which)


def by_hand(message: bytes) -> object:
    found = read_piece(message)
    return bytes(found) if isinstance(found, memoryview) else found


@given(size=SIZES)
def test_a_chunk_of_an_upload_is_read_as_it_was_written(size: int) -> None:
    assert by_hand(UploadRequest(chunk=b"x" * size).SerializeToString()) == b"x" * size


@given(filename=st.text(), duration=st.integers(-(2**31), 2**31 - 1))
def test_metadata_is_read_as_it_was_written(filename: str, duration: int) -> None:
    filename = filename.encode("utf-8", "ignore").decode()
    said = FileMetadata(filename=filename, duration=duration)

    assert by_hand(UploadRequest(metadata=said).SerializeToString()) == said


@given(message=st.one_of(st.binary(max_size=40), st.builds(lambda rest: b"\x12" + rest, st.binary(max_size=40))))
def test_whatever_comes_is_read_or_refused_as_protobuf_does(message: bytes) -> None:
    try:
        wanted = in_general(message)
    except DecodeError:
        with pytest.raises(DecodeError):
            read_piece(message)
    else:
        assert by_hand(message) == wanted


@given(size=SIZES)
def test_a_chunk_of_a_download_is_what_protobuf_reads(size: int) -> None:
    assert DownloadResponse.FromString(chunk(memoryview(b"y" * size))).chunk == b"y" * size


def test_a_piece_of_nothing_is_nothing() -> None:
    assert by_hand(b"") is None
