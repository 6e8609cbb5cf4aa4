"""Puts an import together: the databases of an original server, its objects, and the core."""

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from tutti.backends.object_folder import ObjectFolder
from tutti.db import originals
from tutti.services.importing import Importing, ImportReport, Progress
from tutti.wiring.core import Core


class Places(NamedTuple):
    """Where an installation of Astolfo's server is: its two databases, and its bucket as a folder."""

    auth: Path
    metadata: Path
    objects: Path


def astolfo(
    core: Core, places: Places, *, owner: str | None, library: UUID | None, is_dry: bool, progress: Progress
) -> ImportReport:
    """Bring everything along; nothing is done before both databases were read.

    Raises:
        AppError: As `originals.astolfo_users` and `Importing`.
    """
    users, tracks = originals.astolfo_users(places.auth), originals.astolfo_tracks(places.metadata)
    importing, report = Importing(core.db, core.ingest), ImportReport()
    members = importing.people(users, report, is_dry=is_dry)
    place = importing.find_place(owner, library) if is_dry else importing.place(owner, library, members)
    importing.files(tracks, ObjectFolder(places.objects), place, report, is_dry=is_dry, progress=progress)
    return report
