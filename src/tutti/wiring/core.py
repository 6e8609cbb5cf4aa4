"""Builds the core of one process from its settings, in the order in which things need each other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tutti.backends.bus import LocalBus
from tutti.backends.files import FolderCovers, LocalFiles
from tutti.backends.folders import LocalFolders
from tutti.backends.key_folder import KeyFolder
from tutti.backends.keys import Purpose
from tutti.backends.limits import WindowLimiter
from tutti.backends.locks import FileLocks
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.backends.passwords import Argon2Passwords
from tutti.backends.tickets import HMACTickets
from tutti.backends.tokens import RS256Tokens
from tutti.db import schema
from tutti.db.dialect import sqlite_path
from tutti.db.engine import Database
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.scanning import ScanPolicy
from tutti.kit.clock import Clock, system_clock
from tutti.ports.identity import PasswordHasher
from tutti.ports.limiter import Rate
from tutti.services.accounts import AccountPolicy, Accounts
from tutti.services.administration import Administration
from tutti.services.app_keys import AppKeys
from tutti.services.artwork import Artwork
from tutti.services.attempts import AttemptPolicy, Attempts
from tutti.services.audit import Audit
from tutti.services.backups import Backups
from tutti.services.catalog import Catalog
from tutti.services.checking import Checking
from tutti.services.delivery import Deliveries, TicketPolicy
from tutti.services.devices import Devices
from tutti.services.handing import Handing
from tutti.services.health import Health
from tutti.services.ingest import Ingest, IngestPolicy
from tutti.services.jobs import Jobs
from tutti.services.libraries import Libraries
from tutti.services.listing import Listing
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
from tutti.services.signing import Signing
from tutti.services.sounds import Sounds
from tutti.services.sources import Sources
from tutti.services.sync import Sync
from tutti.services.trash import Trash, TrashPolicy
from tutti.settings import AuthSettings, Settings
from tutti.wiring.storage import Storage, open_storage

ISSUER = "tutti"


@dataclass(frozen=True, slots=True)
class Core:
    """Everything below the doors."""

    settings: Settings
    clock: Clock
    db: Database
    bus: LocalBus
    locks: FileLocks
    storage: Storage
    folders: LocalFolders
    tokens: RS256Tokens
    limiter: WindowLimiter
    accounts: Accounts
    administration: Administration
    registration: Registration
    profiles: Profiles
    app_keys: AppKeys
    signing: Signing
    sessions: Sessions
    libraries: Libraries
    sources: Sources
    scanner: Scanner
    catalog: Catalog
    deliveries: Deliveries
    artwork: Artwork
    ingest: Ingest
    probing: Probing
    checking: Checking
    backups: Backups
    maintenance: Maintenance
    health: Health
    members: Members
    trash: Trash
    listing: Listing
    handing: Handing
    removals: Removals
    quotas: Quotas
    jobs: Jobs
    audit: Audit
    playlists: Playlists
    devices: Devices
    sync: Sync
    replacing: Replacing


@contextmanager
def open_core(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Core]:
    """Build the core, bring the database to the current schema, and take everything down again.

    Raises:
        AppError: A sentence that says why the server cannot start.
    """
    data = _data_folder(settings)
    with ExitStack() as stack:
        key_folder = KeyFolder(data / "keys", clock=clock)
        keys, bus = key_folder.ring, LocalBus()
        db = _database(settings, clock, bus, keys.derive(Purpose.AUDIT))
        stack.callback(db.close)
        storage = open_storage(settings)
        _check_not_lost(settings, storage)
        blobs = storage.blobs
        schema.upgrade(db.engine)
        db.hold_to_file()
        media = PooledMediaReader(settings.scan.workers, is_strict=settings.media.sandbox == "strict")
        stack.callback(media.close)
        passwords = Argon2Passwords()
        stack.callback(passwords.close)
        tokens = RS256Tokens(keys, issuer=ISSUER, clock=clock, look=key_folder.signing)
        tickets, successor_key = HMACTickets(keys, clock=clock), keys.derive(Purpose.REFRESH_SUCCESSORS)
        folders, files, covers = LocalFolders(), LocalFiles(), FolderCovers(data / "covers")
        locks = FileLocks(data / "locks")
        auth = settings.auth
        account_policy = _account_policy(auth)
        limiter = WindowLimiter(clock=clock)
        attempts = Attempts(db, limiter, policy=_attempt_policy(settings))
        trash = Trash(db, policy=TrashPolicy(timedelta(days=settings.trash.days)))
        removals, audit = Removals(db, locks), Audit(db, keep=timedelta(days=settings.audit.days))
        ingest = Ingest(db, blobs, policy=_ingest_policy(settings))
        grants = TicketPolicy(timedelta(hours=auth.ticket_hours))
        deliveries = Deliveries(db, blobs, files, tickets, clock=clock, policy=grants, remote=storage.remote)
        listing = Listing(db)
        handing = Handing(db, blobs, deliveries, listing)
        yield Core(
            settings=settings,
            clock=clock,
            db=db,
            bus=bus,
            locks=locks,
            storage=storage,
            folders=folders,
            tokens=tokens,
            limiter=limiter,
            accounts=Accounts(db, passwords, tokens, tickets, attempts, policy=account_policy),
            administration=Administration(db, passwords, policy=account_policy),
            registration=_registration(db, passwords, attempts, auth),
            profiles=Profiles(db, passwords, attempts, policy=account_policy),
            app_keys=AppKeys(db),
            signing=Signing(db, key_folder),
            sessions=Sessions(
                db, passwords, tokens, attempts, successor_key=successor_key, policy=_session_policy(settings)
            ),
            libraries=Libraries(db),
            sources=Sources(db),
            scanner=Scanner(db, folders, media, locks, policy=_scan_policy(settings)),
            catalog=Catalog(db),
            deliveries=deliveries,
            artwork=Artwork(db, media, blobs, covers),
            ingest=ingest,
            probing=Probing(db, blobs, media),
            checking=Checking(db, blobs),
            backups=Backups(db, blobs, locks),
            maintenance=Maintenance(
                db,
                blobs,
                covers,
                locks,
                ingest=ingest,
                trash=trash,
                removals=removals,
                audit=audit,
                sounds=Sounds(db, blobs, media),
                handing=handing,
                policy=MaintenancePolicy(cover_cache_bytes=settings.media.cover_cache_mb << 20),
            ),
            health=Health(db, media),
            members=Members(db),
            trash=trash,
            listing=listing,
            handing=handing,
            removals=removals,
            quotas=Quotas(db, default_bytes=_default_quota(settings)),
            jobs=Jobs(db),
            audit=audit,
            playlists=Playlists(db),
            devices=Devices(db),
            sync=Sync(db),
            replacing=Replacing(db, blobs, policy=_ingest_policy(settings)),
        )


def _database(settings: Settings, clock: Clock, bus: LocalBus, audit_key: bytes) -> Database:
    return Database(settings.db_url, clock=clock, bus=bus, pool_size=settings.http.threads + 4, audit_key=audit_key)


def _account_policy(auth: AuthSettings) -> AccountPolicy:
    return AccountPolicy(min_password_chars=auth.min_password_chars)


def _registration(db: Database, passwords: PasswordHasher, attempts: Attempts, auth: AuthSettings) -> Registration:
    admission, key = Admission(auth.registration), auth.security_key
    policy = _account_policy(auth)
    return Registration(db, passwords, attempts, policy=policy, admission=admission, security_key=key)


def _ingest_policy(settings: Settings) -> IngestPolicy:
    uploads = settings.uploads
    return IngestPolicy(
        max_file_bytes=uploads.max_file_mb << 20,
        default_quota_bytes=_default_quota(settings),
        resumable=timedelta(hours=uploads.expire_hours),
    )


def _scan_policy(settings: Settings) -> ScanPolicy:
    return ScanPolicy(max_vanished_share=settings.scan.max_vanished_share)


def _session_policy(settings: Settings) -> SessionPolicy:
    auth = settings.auth
    return SessionPolicy(access=timedelta(minutes=auth.access_minutes), refresh=timedelta(days=auth.refresh_days))


def _attempt_policy(settings: Settings) -> AttemptPolicy:
    limits = settings.limits
    passwords = Rate(limits.passwords_per_minute, 60), Rate(limits.passwords_per_hour, 3600)
    return AttemptPolicy(
        network=passwords,
        account=(Rate(-(-limits.passwords_per_minute // 2), 300),),
        everywhere=(Rate(limits.account_per_hour, 3600),),
        tokens=(Rate(limits.tokens_per_minute, 60),),
        registrations=passwords,
    )


def _default_quota(settings: Settings) -> int | None:
    return (settings.quota.default_gb << 30) or None


def _check_not_lost(settings: Settings, storage: Storage) -> None:
    """Refuse to begin anew beside music that was uploaded: without its database it would be swept up as nobody's."""
    path = sqlite_path(settings.db_url)
    if path is None or path.exists():
        return
    storage.prepare()
    if next(storage.blobs.walk(), None) is not None:
        raise AppError(
            ErrorKind.CONFLICT,
            "database_missing",
            f"{path} is missing, though files were uploaded to this server; restore it, or move {storage.place}.",
        )


def _data_folder(settings: Settings) -> Path:
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.joinpath("locks").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "it cannot be made").lower()
        raise AppError(
            ErrorKind.INVALID, "bad_setting", f"TUTTI_DATA_DIR: {folder} cannot be used: {reason}."
        ) from error
    return folder.resolve()
