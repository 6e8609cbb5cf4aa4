"""Opens the database and hands out transactions: `read()` sees one snapshot, `write()` is alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Event as Wait
from threading import Lock
from time import monotonic

from sqlalchemy import Connection
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from tutti.db import dialect
from tutti.db.repos.access import AccessRepo
from tutti.db.repos.accounts import AccountRepo
from tutti.db.repos.audit import AuditRepo
from tutti.db.repos.browse import BrowseRepo
from tutti.db.repos.catalog import CatalogRepo
from tutti.db.repos.integrity import IntegrityRepo
from tutti.db.repos.jobs import JobRepo
from tutti.db.repos.libraries import LibraryRepo, Noted
from tutti.db.repos.listing import ListingRepo
from tutti.db.repos.media import MediaRepo
from tutti.db.repos.playlists import PlaylistRepo
from tutti.db.repos.server import ServerRepo
from tutti.db.repos.shelves import ShelfRepo
from tutti.db.repos.sources import SourceRepo
from tutti.db.repos.sync import SyncRepo
from tutti.db.repos.trash import TrashRepo
from tutti.db.repos.uploads import UploadRepo
from tutti.db.search import Search
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event
from tutti.domain.jobs import JobKind
from tutti.kit.clock import Clock
from tutti.ports.bus import Bus


class Tx:
    """One transaction and its repositories; belongs to one thread."""

    def __init__(self, session: Session, clock: Clock, audit_key: bytes) -> None:
        self._session = session
        self._audit_key = audit_key
        self.now = clock()

    @cached_property
    def accounts(self) -> AccountRepo:
        """People and sessions."""
        return AccountRepo(self._session)

    @cached_property
    def access(self) -> AccessRepo:
        """App keys and invites."""
        return AccessRepo(self._session)

    @cached_property
    def libraries(self) -> LibraryRepo:
        """Libraries, members, changes."""
        return LibraryRepo(self._session)

    @cached_property
    def media(self) -> MediaRepo:
        """Items and blobs."""
        return MediaRepo(self._session)

    @cached_property
    def listing(self) -> ListingRepo:
        """Files by their content."""
        return ListingRepo(self._session)

    @cached_property
    def trash(self) -> TrashRepo:
        """Items that somebody deleted, and what is removed for good."""
        return TrashRepo(self._session)

    @cached_property
    def uploads(self) -> UploadRepo:
        """Bytes on their way in."""
        return UploadRepo(self._session)

    @cached_property
    def sync(self) -> SyncRepo:
        """Devices, and what they are told."""
        return SyncRepo(self._session)

    @cached_property
    def playlists(self) -> PlaylistRepo:
        """Playlists and what is in them."""
        return PlaylistRepo(self._session)

    @cached_property
    def sources(self) -> SourceRepo:
        """Folders that are read and the files seen in them."""
        return SourceRepo(self._session)

    @cached_property
    def catalog(self) -> CatalogRepo:
        """Writes tracks, albums, artists and genres."""
        return CatalogRepo(self._session)

    @cached_property
    def shelves(self) -> ShelfRepo:
        """Keeps what a library shows."""
        return ShelfRepo(self._session)

    @cached_property
    def browse(self) -> BrowseRepo:
        """Reads pages of what a caller may see."""
        return BrowseRepo(self._session)

    @cached_property
    def search(self) -> Search:
        """Finds by words."""
        return Search(self._session)

    @cached_property
    def jobs(self) -> JobRepo:
        """The job table."""
        return JobRepo(self._session)

    @cached_property
    def integrity(self) -> IntegrityRepo:
        """What a check asks."""
        return IntegrityRepo(self._session)

    @cached_property
    def audit(self) -> AuditRepo:
        """Who did what."""
        return AuditRepo(self._session, self._audit_key)

    @cached_property
    def server(self) -> ServerRepo:
        """Facts of the server itself."""
        return ServerRepo(self._session)


class WriteTx(Tx):
    """A transaction that may change things; its events leave after the commit and are dropped on rollback."""

    def __init__(self, session: Session, clock: Clock, audit_key: bytes) -> None:
        super().__init__(session, clock, audit_key)
        self.events: list[Event] = []

    @cached_property
    def libraries(self) -> LibraryRepo:
        """Libraries, members, changes; those who listen hear of each change."""
        return LibraryRepo(self._session, noted=self._tell)

    def _tell(self, noted: Noted) -> None:
        topic = "item.gone" if noted.is_gone else "item.added" if noted.is_new else "item.changed"
        self.emit(Event(topic, str(noted.library_id), {"latest": noted.newest, "count": noted.number}))

    def enqueue(self, kind: JobKind, ref: str) -> None:
        """Add work that is due now, unless the same work is waiting already."""
        self.jobs.add(kind, ref, due_at=self.now)
        self.emit(Event(topic="job.due", ref=ref))

    def emit(self, event: Event) -> None:
        """Tell the others after the commit."""
        self.events.append(event)

    def flush(self) -> None:
        """Send pending changes to the database now, so that generated ids are known."""
        self._session.flush()


_WAITS_S = (0.1, 0.2, 0.4, 0.8)
_PATIENCE_S = 2.0


class Database:
    """The database of one server; safe to share between threads."""

    def __init__(self, url: str, *, clock: Clock, bus: Bus, pool_size: int = 8, audit_key: bytes = b"") -> None:
        """Open it; without the key of the audit log only what is not noted there can be done."""
        self.engine = dialect.open_engine(url, pool_size=pool_size)
        self._clock = clock
        self._bus = bus
        self._audit_key = audit_key
        # Writers of this process queue here in order: SQLite's own lock only polls, and PostgreSQL's would take a
        # connection for each that waits.
        self._writer = Lock()
        self._url = url
        self._file: tuple[int, int] | None = None

    def hold_to_file(self) -> None:
        """Remember which file this is, so that `ping` notices when another lies there."""
        self._file = dialect.file_identity(self._url)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that sees one snapshot and changes nothing.

        Raises:
            AppError: BUSY `database_busy`, UNAVAILABLE `database_unavailable`.
        """
        with (
            dialect.explained(),
            self._connect() as plain,
            Session(dialect.begin_reading(plain), autoflush=False) as session,
        ):
            yield Tx(session, self._clock, self._audit_key)

    @contextmanager
    def write(self) -> Iterator[WriteTx]:
        """Open a transaction that holds the write lock from its first statement; commits when the block ends.

        Raises:
            AppError: BUSY `database_busy`, FULL `disk_full`, UNAVAILABLE `database_unavailable`.
        """
        with dialect.explained(), self._writer, self._connect() as plain:
            connection = dialect.begin_writing(plain)
            with Session(connection, expire_on_commit=False) as session, session.begin():
                tx = WriteTx(session, self._clock, self._audit_key)
                yield tx
        for event in tx.events:
            self._bus.publish(event)

    def _connect(self) -> Connection:
        """Return a connection; a server that is just restarting is waited for, because nothing was done yet."""
        began = monotonic()
        for wait_s in _WAITS_S:
            try:
                with dialect.explained():
                    return self.engine.connect()
            except AppError as error:
                may_come_back = error.kind is ErrorKind.UNAVAILABLE and not dialect.is_sqlite(self.engine.dialect)
                if not may_come_back or monotonic() - began + wait_s > _PATIENCE_S:
                    raise
            Wait().wait(wait_s)
        return self.engine.connect()

    def version(self) -> str:
        """Return the name and version of the engine."""
        with self.engine.connect() as connection:
            info = connection.dialect.server_version_info or ()
            return f"{connection.dialect.name} {'.'.join(map(str, info))}"

    def connections_in_use(self) -> int:
        """Return how many connections of the pool somebody has, whoever asks within a transaction included."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            AppError: As `read`.
        """
        dialect.check_file(self._url, self._file)
        with self.read() as tx:
            tx.server.ping()

    def optimize(self) -> None:
        """Refresh the planner's statistics and move the log into the file, in bounded steps; raises as `write`."""
        with dialect.explained(), self._writer, self.engine.connect() as connection:
            dialect.tend(connection)

    def close(self) -> None:
        """Return every connection."""
        self.engine.dispose()
