"""An upload as a whole has its time, however lively it trickles."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tutti.domain.errors import AppError
from tutti.doors.astolfo.bodies import receive
from tutti.doors.astolfo.calls import Pace
from tutti.doors.astolfo.gen.file_pb2 import FileMetadata, UploadRequest
from tutti.doors.http.hop import Hop
from tutti.services.uploads import Upload


async def for_ever() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0)
        yield UploadRequest(chunk=b"").SerializeToString()


async def test_one_that_never_ends_is_ended() -> None:
    bodies, nothing = Hop(threads=1, queue=1), cast("Upload", None)  # no byte ever reaches it
    try:
        with pytest.raises(AppError) as ended:
            await receive(for_ever(), UploadRequest, nothing, bodies=bodies, pace=Pace(upload_s=0.05))
    finally:
        bodies.close()

    assert (ended.value.code, ended.value.message) == ("too_slow", "The upload took too long.")


async def test_what_was_said_last_counts() -> None:
    async def messages() -> AsyncIterator[bytes]:
        for name in ("first.flac", "last.flac"):
            yield UploadRequest(metadata=FileMetadata(filename=name)).SerializeToString()

    bodies = Hop(threads=1, queue=1)
    try:
        said: Any = await receive(messages(), UploadRequest, cast("Upload", None), bodies=bodies, pace=Pace())
    finally:
        bodies.close()

    assert said.filename == "last.flac"
