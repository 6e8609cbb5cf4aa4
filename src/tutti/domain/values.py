"""Ids and hashes that must not be mixed up."""

import re
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", int)
LibraryId = NewType("LibraryId", int)
SourceId = NewType("SourceId", int)
ItemId = NewType("ItemId", int)
ArtworkHash = NewType("ArtworkHash", str)
"""64 lower-case hex characters: the SHA-256 of the picture as embedded."""
BlobHash = NewType("BlobHash", str)
"""64 lower-case hex characters: the SHA-256 of the bytes."""
HASH = re.compile(r"[0-9a-f]{64}")
"""What a SHA-256 looks like, wherever one is named."""
ItemUUID = NewType("ItemUUID", UUID)
SessionUUID = NewType("SessionUUID", UUID)
