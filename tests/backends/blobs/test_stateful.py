"""A store against a dictionary: whatever order things come in, it holds what was committed and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from support import tiers
from support.blob_places import PLACES, MakePlace, S3Place, hash_of
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash
from tutti.ports.blobs import StagedBlob

PIECES = st.binary(max_size=40) | st.sampled_from([b"", b"a", b"b", b"x" * 70_000])


class Upload:
    """Staged bytes and what must be in them."""

    def __init__(self, staged: StagedBlob) -> None:
        self.staged = staged
        self.data = b""


class BlobMachine(RuleBasedStateMachine):
    make_place: MakePlace
    uploads: Bundle[Upload] = Bundle("uploads")
    closed: Bundle[Upload] = Bundle("closed")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.held: set[Upload] = set()
        self.blobs: dict[BlobHash, bytes] = {}

    @initialize()
    def open(self) -> None:
        self.place = self.make_place(Path(self.folder.name) / "store")
        self.store = self.place.open()

    @rule(target=uploads)
    def stage(self) -> Upload:
        return self.hold(Upload(self.store.stage()))

    @rule(upload=uploads, data=PIECES)
    def append(self, upload: Upload, data: bytes) -> None:
        upload.staged.append(data)
        upload.data += data

    @rule(upload=uploads)
    def sync(self, upload: Upload) -> None:
        assert upload.staged.sync() == len(upload.data)

    @rule(target=closed, upload=consumes(uploads))
    def close(self, upload: Upload) -> Upload:
        upload.staged.close()
        self.held.discard(upload)
        return upload

    @rule(target=uploads, upload=consumes(closed))
    def resume(self, upload: Upload) -> Upload:
        upload.staged = self.store.resume(upload.staged.id)
        return self.hold(upload)

    @rule(upload=uploads)
    def resume_what_is_held(self, upload: Upload) -> None:
        with pytest.raises(AppError) as caught:
            self.store.resume(upload.staged.id)
        assert caught.value.kind is ErrorKind.CONFLICT

    @rule(upload=consumes(uploads))
    def commit(self, upload: Upload) -> None:
        stored = upload.staged.commit()
        self.held.discard(upload)
        self.blobs[stored.hash] = upload.data
        assert (stored.hash, stored.size_bytes) == (hash_of(upload.data), len(upload.data))

    @rule(upload=consumes(uploads))
    def discard(self, upload: Upload) -> None:
        upload.staged.discard()
        self.held.discard(upload)

    @rule(data=PIECES)
    def delete(self, data: bytes) -> None:
        assert self.store.delete(hash_of(data)) == (self.blobs.pop(hash_of(data), None) is not None)

    @rule()
    def sweep_spares_what_is_young(self) -> None:
        assert self.store.sweep(older_than_s=3600) == 0

    @rule()
    def restart(self) -> None:
        self.store = self.place.open()

    @invariant()
    def uploads_know_their_bytes(self) -> None:
        for upload in self.held:
            assert (upload.staged.offset, upload.staged.hash) == (len(upload.data), hash_of(upload.data))

    @invariant()
    def blobs_are_the_committed_ones(self) -> None:
        assert {blob.hash: blob.size_bytes for blob in self.store.walk()} == {
            name: len(data) for name, data in self.blobs.items()
        }

    @invariant()
    def blobs_have_their_bytes(self) -> None:
        for name, data in self.blobs.items():
            assert b"".join(self.store.read(name)) == data

    def hold(self, upload: Upload) -> Upload:
        self.held.add(upload)
        return upload

    def teardown(self) -> None:
        for upload in self.held:
            upload.staged.close()
        self.folder.cleanup()


def effort(make: MakePlace) -> settings:
    """How much is tried; a server takes a hundred times as long as a disk."""
    if make is S3Place:
        return settings(max_examples=30 if tiers.is_deep() else 3, stateful_step_count=10, deadline=None)
    return settings(max_examples=300 if tiers.is_deep() else 30, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_store_is_a_dictionary_of_what_was_committed(make: MakePlace) -> None:
    machine = type("Machine", (BlobMachine,), {"make_place": staticmethod(make)})
    run_state_machine_as_test(machine, settings=effort(make))
