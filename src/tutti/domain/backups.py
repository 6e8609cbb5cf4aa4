"""What a backup says of itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

FORMAT = 1


class BlobsIn(StrEnum):
    """Where the bytes of a backup are."""

    COPY = "copy"
    """In the backup."""
    REFERENCE = "reference"
    """Where they were: the backup has their names, and somebody else keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A finished backup; there is none without it.

    Attributes:
        format: `FORMAT` of the program that made it.
        made_by: The version of that program.
        schema: The newest migration of its database.
        database: The name of the database file.
        database_sha256: Over that file, hex.
        blobs: How many the rows name.
        blob_bytes: Their size.
        has_keys: Whether the secrets of the server are in it.
    """

    format: int
    made_by: str
    made_at: datetime
    schema: str
    database: str
    database_sha256: str
    blobs_in: BlobsIn
    blobs: int
    blob_bytes: int
    has_keys: bool
