"""The core as a whole, over a real database and a real folder: what the tests of use cases talk to."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine, select

from support.clock import ManualClock
from support.databases import AUDIT_KEY, fresh_url
from support.music import Song, save
from support.scripted_media import ScriptedMedia
from tutti.backends.blobs_local import LocalBlobs
from tutti.backends.bus import LocalBus
from tutti.backends.files import FolderCovers, LocalFiles
from tutti.backends.folders import LocalFolders
from tutti.backends.keys import KeyRing, Purpose
from tutti.backends.limits import WindowLimiter
from tutti.backends.locks import FileLocks
from tutti.backends.passwords import Argon2Cost, Argon2Passwords
from tutti.backends.tickets import HMACTickets
from tutti.backends.tokens import RS256Tokens
from tutti.db.dialect import is_sqlite
from tutti.db.engine import Database
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller, Operator
from tutti.domain.jobs import JobKind
from tutti.domain.scanning import ScanPolicy, ScanReport
from tutti.domain.values import ItemId, LibraryId
from tutti.kit.clock import Clock, system_clock
from tutti.models import Base, Change, Folder, MediaItem, SourceObject, Track
from tutti.ports.blobs import BlobStore
from tutti.ports.folders import Listing
from tutti.ports.identity import Verdict
from tutti.services.accounts import AccountPolicy, Accounts, NewUser
from tutti.services.administration import Administration
from tutti.services.app_keys import AppKeys
from tutti.services.artwork import Artwork
from tutti.services.attempts import AttemptPolicy, Attempts
from tutti.services.audit import Audit
from tutti.services.backups import Backups
from tutti.services.catalog import Catalog, PageWish
from tutti.services.checking import Checking
from tutti.services.delivery import Deliveries, TicketPolicy
from tutti.services.devices import Devices
from tutti.services.handing import Handing
from tutti.services.health import Health
from tutti.services.ingest import Accepted, Ingest, IngestPolicy
from tutti.services.jobs import Jobs
from tutti.services.libraries import Libraries
from tutti.services.listing import Listing as FileListing
from tutti.services.maintenance import Maintenance, MaintenancePolicy
from tutti.services.members import Members
from tutti.services.playlists import Playlists
from tutti.services.probing import Probing
from tutti.services.profiles import Profiles
from tutti.services.quotas import Quotas
from tutti.services.registration import Admission, Registration
from tutti.services.removals import Removals
from tutti.services.replacing import Replacing
from tutti.services.scanning import Scanner
from tutti.services.sessions import SessionPolicy, Sessions
from tutti.services.sounds import Sounds
from tutti.services.sources import Sources
from tutti.services.sync import Sync
from tutti.services.trash import Trash, TrashPolicy

PASSWORD = "correct horse battery"
SONG = Song()
SMALL_BATCHES = ScanPolicy(batch_files=4)
"""Small batches, so that every scan of a test has several."""


class CountingPasswords:
    """Implements PasswordHasher at the least cost, counts the work and tells when it begins."""

    def __init__(self) -> None:
        self._real = Argon2Passwords(Argon2Cost(memory_kib=8, passes=1))
        self.hashed = 0
        self.verified = 0
        self.before_hash: Callable[[], object] = lambda: None
        self.before_verify: Callable[[], object] = lambda: None

    def hash(self, password: str) -> str:
        self.before_hash()
        self.hashed += 1
        return self._real.hash(password)

    def verify(self, password: str, hashed: str | None) -> Verdict:
        self.before_verify()
        self.verified += 1
        return self._real.verify(password, hashed)

    def close(self) -> None:
        self._real.close()


class PartlyBlindFolders:
    """Implements FolderReader; folders named in `blind` cannot be listed, as without permission."""

    def __init__(self) -> None:
        self._real = LocalFolders()
        self.blind: set[bytes] = set()

    def walk(self, root: bytes) -> Iterator[Listing]:
        for listing in self._real.walk(root):
            if listing.path in self.blind:
                yield Listing(listing.path, (), "Permission denied")
            elif not any(path == b"" or listing.path.startswith(path + b"/") for path in self.blind):
                yield listing

    def count(self, root: bytes, suffixes: frozenset[bytes], stop: Event) -> int:
        return self._real.count(root, suffixes, stop)

    def is_file(self, root: bytes, path: bytes) -> bool:
        return self._real.is_file(root, path)

    def watch(self, roots: Callable[[], Sequence[bytes]], changed: Callable[[bytes], None], stop: Event) -> None:
        self._real.watch(roots, changed, stop)


class Stored(NamedTuple):
    """A file as the database knows it."""

    uuid: UUID
    title: str
    is_listed: bool
    added_at: datetime


@contextmanager
def clean_database(engine: Engine, *, clock: Clock, bus: LocalBus) -> Iterator[Database]:
    """Put an empty database under an engine that is used again and again."""
    if is_sqlite(engine.dialect):
        path = Path(engine.url.database or "")
        for stale in path.parent.iterdir():
            stale.unlink()
        Path(fresh_url(path.parent).removeprefix("sqlite:///")).rename(path)
        url = f"sqlite:///{path}"
    else:
        url = engine.url.render_as_string(hide_password=False)
        with engine.begin() as connection:
            connection.exec_driver_sql(_EMPTY)
    database = Database(url, clock=clock, bus=bus, audit_key=AUDIT_KEY)
    database.engine = engine
    try:
        yield database
    finally:
        database.close()


_EMPTY = "; ".join(f"DELETE FROM {table}" for table in ["word", *map(str, reversed(Base.metadata.sorted_tables))])
"""On a table of a few rows a hundred times as fast as TRUNCATE."""


OpenBlobs = Callable[[Path, Clock], BlobStore]
"""Opens a store over a folder."""


def _in_a_folder(root: Path, clock: Clock) -> BlobStore:
    return LocalBlobs(root, clock=clock)


class House:
    """One core; once moved in, with an administrator, `ann`, and the folder `music` as a source of her library.

    Attributes:
        blob_clock: What the blob store measures ages by; its files have the times of the machine.
    """

    def __init__(
        self,
        place: Path,
        db: Database,
        bus: LocalBus,
        clock: ManualClock,
        keys: KeyRing,
        *,
        open_blobs: OpenBlobs = _in_a_folder,
    ) -> None:
        self.db, self.bus, self.clock = db, bus, clock
        self.media, self.folders, self.passwords = ScriptedMedia(), PartlyBlindFolders(), CountingPasswords()
        self.music = place / "music"
        self.music.mkdir()
        self.locks = FileLocks(place / "locks")
        self.blob_clock = ManualClock(system_clock())
        self.blobs = open_blobs(place / "blobs", self.blob_clock)
        self.covers = FolderCovers(place / "covers")
        self.tokens = RS256Tokens(keys, issuer="tutti", clock=clock)
        self.tickets = HMACTickets(keys, clock=clock)
        self.limiter = WindowLimiter(clock=clock)
        self.attempts = Attempts(db, self.limiter, policy=AttemptPolicy())
        self.accounts = Accounts(db, self.passwords, self.tokens, self.tickets, self.attempts, policy=AccountPolicy())
        self.sessions = Sessions(
            db,
            self.passwords,
            self.tokens,
            self.attempts,
            successor_key=keys.derive(Purpose.REFRESH_SUCCESSORS),
            policy=SessionPolicy(),
        )
        self.administration = Administration(db, self.passwords, policy=AccountPolicy())
        self.profiles = Profiles(db, self.passwords, self.attempts, policy=AccountPolicy())
        self.app_keys = AppKeys(db)
        self.libraries, self.sources, self.catalog = Libraries(db), Sources(db), Catalog(db)
        self.artwork = Artwork(db, self.media, self.blobs, self.covers)
        self.deliveries = Deliveries(db, self.blobs, LocalFiles(), self.tickets, clock=clock, policy=TicketPolicy())
        policy = IngestPolicy(max_file_bytes=10_000)
        self.ingest = Ingest(db, self.blobs, policy=policy)
        self.probing = Probing(db, self.blobs, self.media)
        self.replacing = Replacing(db, self.blobs, policy=policy)
        self.sounds = Sounds(db, self.blobs, self.media)
        self.checking, self.backups = Checking(db, self.blobs), Backups(db, self.blobs, self.locks)
        self.members, self.jobs = Members(db), Jobs(db)
        self.trash, self.quotas = Trash(db, policy=TrashPolicy()), Quotas(db, default_bytes=None)
        self.listing = FileListing(db)
        self.handing = Handing(db, self.blobs, self.deliveries, self.listing)
        self.devices, self.sync, self.playlists = Devices(db), Sync(db), Playlists(db)
        self.removals = Removals(db, self.locks)
        self.audit = Audit(db, keep=timedelta(days=365))
        self.maintenance = self._maintenance()
        self.health = Health(db, self.media)

    def _maintenance(self) -> Maintenance:
        return Maintenance(
            self.db,
            self.blobs,
            self.covers,
            self.locks,
            ingest=self.ingest,
            trash=self.trash,
            removals=self.removals,
            audit=self.audit,
            sounds=self.sounds,
            handing=self.handing,
            policy=MaintenancePolicy(),
        )

    def move_in(self) -> None:
        """Let Ann in, and her folder."""
        self.ann = self.add_user("ann", is_admin=True)
        self.library_id = self.personal_library(self.ann)
        self.source_id = self.sources.add(self.ann, self.music)

    def close(self) -> None:
        self.passwords.close()

    def add_user(self, username: str, *, is_admin: bool = False) -> Caller:
        return self.accounts.add(Operator(), NewUser(username, PASSWORD, is_admin=is_admin))

    def registration(self, admission: Admission) -> Registration:
        return Registration(self.db, self.passwords, self.attempts, policy=AccountPolicy(), admission=admission)

    def disable(self, username: str) -> None:
        """Keep an account out; another administrator sees to it that it is not the last one."""
        self.add_user("eve", is_admin=True)
        self.accounts.set_active(Operator(), username, is_active=False)

    def personal_library(self, caller: Caller) -> LibraryId:
        with self.db.read() as tx:
            library_id = tx.libraries.personal(caller.user_id)
            assert library_id is not None
            return library_id

    def join(self, caller: Caller, library_id: LibraryId, role: str) -> None:
        with self.db.write() as tx:
            tx.libraries.add_member(library_id, caller.user_id, role)

    def save(self, name: str, content: Song | bytes = SONG) -> Path:
        return save(self.music / name, content)

    def send(
        self,
        data: bytes = SONG.data,
        filename: str = "one.mp3",
        *,
        caller: Caller | None = None,
        library: UUID | None = None,
        folder: str = "",
    ) -> Accepted:
        """Upload a file as a door does, in pieces of seven bytes."""
        upload = self.ingest.stage(caller or self.ann, filename, library_uuid=library, folder=folder)
        for start in range(0, len(data), 7):
            upload.append(data[start : start + 7])
        return self.ingest.accept(upload)

    @staticmethod
    def hash_of(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    def probe_all(self) -> None:
        """Do the probes that wait, as the runner does."""
        with self.db.write() as tx:
            jobs = [job for job in tx.jobs.all_jobs() if job.kind == JobKind.PROBE_ITEM]
            for job in jobs:
                tx.jobs.finish(job.id)
        self.probing.probe([ItemId(int(job.ref)) for job in jobs])

    def bring(
        self, content: Song | bytes = SONG, *, caller: Caller | None = None, library: UUID | None = None
    ) -> Accepted:
        """Upload a song and have it read."""
        data = content.data if isinstance(content, Song) else content
        accepted = self.send(data, caller=caller, library=library)
        self.probe_all()
        return accepted

    def scanner(self, policy: ScanPolicy = SMALL_BATCHES) -> Scanner:
        return Scanner(self.db, self.folders, self.media, self.locks, policy=policy)

    def scan(self, *, policy: ScanPolicy = SMALL_BATCHES, believe_removals: bool = False) -> ScanReport:
        return self.scanner(policy).scan(self.source_id, believe_removals=believe_removals)

    def asked(self) -> list[str]:
        """The files that were read since the last time, in order, relative to the folder."""
        paths = [os.fsdecode(os.path.relpath(path, bytes(self.music))) for path in self.media.asked]
        self.media.asked.clear()
        return paths

    def known(self) -> dict[str, Stored]:
        """Every file of the folder that has an item, missing ones too: path to what is stored."""
        query = (
            select(Folder.path, SourceObject.name, MediaItem.uuid, Track.title, Track.is_listed, MediaItem.added_at)
            .join(SourceObject, SourceObject.folder_id == Folder.id)
            .join(MediaItem, MediaItem.id == SourceObject.item_id)
            .join(Track, Track.id == MediaItem.id)
            .where(Folder.source_id == self.source_id)
        )
        with self.db.engine.connect() as connection:
            return {_joined(row[0], row[1]): Stored(*row[2:]) for row in connection.execute(query)}

    def listed(self) -> dict[str, UUID]:
        """The files of the folder whose tracks are listed: path to item."""
        return {path: one.uuid for path, one in self.known().items() if one.is_listed}

    def titles(self, caller: Caller | None = None) -> list[str]:
        """The titles that somebody sees, Ann when nobody is named."""
        return [row.title for row in self.catalog.tracks(caller or self.ann, PageWish(limit=500), TrackFilter()).items]

    def state(self) -> tuple[str, str]:
        """The state of the source and its sentence."""
        source = next(one for one in self.sources.everywhere() if one.id == self.source_id)
        return source.state, source.state_message

    def changes(self) -> list[tuple[UUID, bool]]:
        """Every change of Ann's library in order: the item, and whether it went."""
        query = select(MediaItem.uuid, Change.is_gone).join(Change, Change.item_id == MediaItem.id)
        with self.db.engine.connect() as connection:
            rows = connection.execute(query.where(Change.library_id == self.library_id).order_by(Change.seq))
            return [(row[0], row[1]) for row in rows]


def _joined(folder: bytes, name: bytes) -> str:
    return os.fsdecode(folder + b"/" + name if folder else name)
