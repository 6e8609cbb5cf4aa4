"""Files that were sent."""

from uuid import UUID

from msgspec import Struct

from tutti.doors.http.forms import FileOutcome
from tutti.doors.native.errors import STATUSES
from tutti.services.ingest import Accepted


class UploadedFile(Struct, frozen=True, kw_only=True):
    """An item that a file became; `is_new` is false when the library had these bytes already."""

    id: UUID
    sha256: str
    size_bytes: int
    is_new: bool


class Refusal(Struct, frozen=True):
    """Why a file was not taken: `code` is the stable word, `title` a sentence, `status` what it alone would be."""

    title: str
    status: int
    code: str


class SentFile(Struct, frozen=True, kw_only=True):
    """What became of one file of a form: `item` or `problem`."""

    filename: str
    item: UploadedFile | None
    problem: Refusal | None


def uploaded(accepted: Accepted) -> UploadedFile:
    """Shape an item that came in."""
    return UploadedFile(
        id=accepted.uuid, sha256=accepted.blob_hash, size_bytes=accepted.size_bytes, is_new=accepted.is_new
    )


def sent(outcome: FileOutcome) -> SentFile:
    """Shape what became of a file."""
    accepted, error = outcome.accepted, outcome.error
    return SentFile(
        filename=outcome.filename[:1000],
        item=None if accepted is None else uploaded(accepted),
        problem=None if error is None else Refusal(error.message, STATUSES[error.kind], error.code),
    )
