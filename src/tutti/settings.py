"""Every setting, typed and checked before anything starts; the only reader of the environment.

Names are `TUTTI_` plus the path with `__`: `http.port` is `TUTTI_HTTP__PORT`. A name with `_FILE` behind it names a
file that holds the value.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import fields

DOORS = ("native",)
LATER_DOORS = ("astolfo", "sinuzoid", "musakone", "tuneton", "joykunga", "subsonic", "web")
PREFIX = "TUTTI_"
LATER = "Not in this version."
_TOKEN_MIN = 16

Names = tuple[str, ...]
"""Written with commas between."""


class Secret(str):
    """A text that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"


def _check_host(host: str) -> None:
    try:
        host.encode("idna")
        is_encodable = True
    except UnicodeError:  # such as an empty part between two dots
        is_encodable = False
    if not host or " " in host or not host.isprintable() or not is_encodable:
        raise ValueError("host: must be the name or the address of a host")


class HTTPSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The one HTTP port of all doors."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 7700
    public_url: Annotated[
        str, Meta(description="How clients reach this server, such as `https://music.example.org`; for links it makes.")
    ] = ""
    trusted_proxies: Annotated[
        Names,
        Meta(description="Networks of reverse proxies whose `X-Forwarded-For` is believed, separated by commas."),
    ] = ()
    listeners: Annotated[Names, Meta(description=f"Historic listeners, `door:port`, separated by commas. {LATER}")] = ()
    threads: Annotated[int, Meta(ge=1, le=64, description="Worker threads for use cases.")] = 4
    queue: Annotated[
        int, Meta(ge=1, description="Requests that may wait for a worker thread; more are answered 503.")
    ] = 256
    write_stall_s: Annotated[
        float, Meta(gt=0, description="A download that makes no progress for so long is ended.")
    ] = 60.0

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        _check_host(self.host)
        for network in self.trusted_proxies:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: {error}") from error
        parts = urlsplit(self.public_url)
        is_origin = parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
        if self.public_url and not is_origin:
            raise ValueError("public_url: must be an address such as https://music.example.org")


class GRPCSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The gRPC listeners."""

    host: Annotated[str, Meta(description=f"Address to listen on; empty means as HTTP. {LATER}")] = ""
    ports: Annotated[str, Meta(description=f"Ports, separated by commas; empty is off. {LATER}")] = ""


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where rows are."""

    url: Annotated[
        Secret,
        Meta(
            description="`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`; empty means `tutti.db` in the data"
            " folder."
        ),
    ] = Secret()

    def __post_init__(self) -> None:
        """Refuse what cannot be opened."""
        if self.url and not re.fullmatch(r"sqlite:///[^?]+|postgresql(\+psycopg)?://.+", self.url):
            raise ValueError("url: must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


class BlobSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the bytes that are ours are."""

    url: Annotated[str, Meta(description="`file:///PATH`; empty means the data folder.")] = ""
    reserve_mb: Annotated[int, Meta(ge=0, description="Megabytes of disk space that uploads leave free.")] = 256

    def __post_init__(self) -> None:
        """Refuse what this version cannot open."""
        if self.url and not self.url.startswith("file:///"):
            raise ValueError("url: only file:///PATH is supported by this version")


class UploadSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Files that are sent to us."""

    max_file_mb: Annotated[int, Meta(ge=1, description="Megabytes that one uploaded file may have.")] = 4096
    expire_hours: Annotated[
        int, Meta(ge=1, le=24, description="How long an interrupted upload waits for its client.")
    ] = 24


class AuthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts and tokens."""

    registration: Annotated[
        Literal["open", "invite", "closed"],
        Meta(description="Who may make an account: anybody, whoever has an invite, or nobody but an administrator."),
    ] = "closed"
    security_key: Annotated[Secret, Meta(description=f"The gate of a door that registers by key. {LATER}")] = Secret()
    access_minutes: Annotated[int, Meta(ge=1, le=60, description="Life of an access token.")] = 15
    refresh_days: Annotated[
        int, Meta(ge=1, le=90, description="Life of a refresh token; a session lives 90 days at most.")
    ] = 30
    ticket_hours: Annotated[int, Meta(ge=1, le=24, description="Life of a signed stream address.")] = 6
    min_password_chars: Annotated[int, Meta(ge=8, le=64, description="Shortest password of a new account.")] = 8


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How often secrets may be wrong; whoever goes beyond is told to wait."""

    passwords_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            description="Wrong passwords, and new accounts, from one address or IPv6 /64 network in a minute; half as"
            " many of one account in five minutes.",
        ),
    ] = 20
    passwords_per_hour: Annotated[int, Meta(ge=1, description="Likewise in an hour.")] = 100
    account_per_hour: Annotated[
        int,
        Meta(
            ge=1,
            description="Wrong passwords of one account in an hour, from anywhere; beyond it a network from which it"
            " was never opened has one attempt a minute.",
        ),
    ] = 50
    tokens_per_minute: Annotated[
        int, Meta(ge=1, description="Wrong app keys, refresh tokens and invites from one address in a minute.")
    ] = 200


class ScanSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders that are read."""

    workers: Annotated[int, Meta(ge=1, le=32, description="Child processes that read tags.")] = 2
    every_minutes: Annotated[int, Meta(ge=0, description="How often all folders are scanned again; 0 is never.")] = 60
    watch: Annotated[bool, Meta(description="Whether folders are watched for changes while serving.")] = True
    max_vanished_share: Annotated[
        float,
        Meta(gt=0, le=1, description="When a larger share of a folder's files vanished at once, none is removed."),
    ] = 0.5


class MediaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The children that open media."""

    sandbox: Annotated[
        Literal["auto", "strict"],
        Meta(description="`strict` refuses to read media where a layer of the sandbox is missing."),
    ] = "auto"
    cover_cache_mb: Annotated[int, Meta(ge=0, description="Megabytes of rendered covers to keep.")] = 1024


class TrashSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What was deleted."""

    days: Annotated[
        int, Meta(ge=0, le=3650, description="For how long deleted tracks can be restored before their bytes go.")
    ] = 30


class AuditSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who did what."""

    days: Annotated[int, Meta(ge=1, le=3650, description="For how long the audit log is kept.")] = 365


class QuotaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much accounts may keep here."""

    default_gb: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 20,
            description="Gigabytes of uploads an account may keep unless it has a limit of its own; 0 is no limit.",
        ),
    ] = 0


class EventSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What clients are told as it happens."""

    per_account: Annotated[
        int, Meta(ge=1, le=1000, description="Connections to `/api/v1/events` that one account may hold.")
    ] = 8


class RedisSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Redis, for many processes."""

    url: Annotated[str, Meta(description=f"`redis://HOST:PORT/N`. {LATER}")] = ""


class MopidySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The player in the living room."""

    url: Annotated[str, Meta(description=f"`ws://HOST:PORT/mopidy/ws`. {LATER}")] = ""


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The log, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level that is written.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "console", "json"], Meta(description="`auto` is console on a terminal, else JSON.")
    ] = "auto"


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What `/metrics` tells Prometheus."""

    token: Annotated[
        Secret,
        Meta(
            description="Bearer token with which another machine may read `/metrics`; without one only this machine"
            " may, directly."
        ),
    ] = Secret()

    def __post_init__(self) -> None:
        """Refuse what can be guessed."""
        if self.token and len(self.token) < _TOKEN_MIN:
            raise ValueError(f"token: must have at least {_TOKEN_MIN} characters")


class CompatSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the programs that Tutti replaces."""

    env: Annotated[
        Names, Meta(description=f"Doors whose original environment names are read, separated by commas. {LATER}")
    ] = ()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole tree."""

    data_dir: Annotated[Path, Meta(description="Folder of everything the server keeps: database, keys, blobs.")] = Path(
        "data"
    )
    doors: Annotated[Names, Meta(description="Which doors are open, separated by commas.")] = DOORS
    http: HTTPSettings = HTTPSettings()
    grpc: GRPCSettings = GRPCSettings()
    db: DatabaseSettings = DatabaseSettings()
    blobs: BlobSettings = BlobSettings()
    uploads: UploadSettings = UploadSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    scan: ScanSettings = ScanSettings()
    media: MediaSettings = MediaSettings()
    trash: TrashSettings = TrashSettings()
    audit: AuditSettings = AuditSettings()
    quota: QuotaSettings = QuotaSettings()
    events: EventSettings = EventSettings()
    redis: RedisSettings = RedisSettings()
    mopidy: MopidySettings = MopidySettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    compat: CompatSettings = CompatSettings()

    def __post_init__(self) -> None:
        """Refuse doors that do not exist."""
        for door in self.doors:
            if door not in DOORS + LATER_DOORS:
                raise ValueError(f"doors: there is no door named {door!r}; known: {', '.join(DOORS + LATER_DOORS)}")

    def without_effect(self) -> Sequence[str]:
        """Return the names that are set, and that this version has nothing to do with yet."""
        later = [name for name, (_, about) in names().items() if LATER in about.description]
        return [name for name in later if self.value_of(name) not in ("", ())]

    def value_of(self, name: str) -> object:
        """Return the value of a setting by its environment name."""
        value: object = self
        for part in name.removeprefix(PREFIX).lower().split("__"):
            value = getattr(value, part)
        return value

    @property
    def db_url(self) -> str:
        """The database URL with its default."""
        return self.db.url or f"sqlite:///{self.data_dir.resolve() / 'tutti.db'}"

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of this machine, which one server works on at a time."""
        return self.db_url.startswith("sqlite:")

    @property
    def blobs_dir(self) -> Path:
        """The folder of the blob store."""
        return Path(self.blobs.url.removeprefix("file://")) if self.blobs.url else self.data_dir / "blobs"


class About(NamedTuple):
    """What is known of a setting."""

    kind: object
    default: object
    description: str


@cache
def names(part: type[Struct] = Settings, prefix: str = PREFIX) -> Mapping[str, tuple[type[Struct], About]]:
    """Return every environment name with the part of the tree it belongs to, in the order of the tree."""
    found: dict[str, tuple[type[Struct], About]] = {}
    kinds = get_type_hints(part, include_extras=True)
    for field in fields(part):
        name, kind = f"{prefix}{field.name.upper()}", kinds[field.name]
        if get_origin(kind) is Annotated:
            plain, meta = get_args(kind)
            found[name] = (part, About(plain, field.default, meta.description))
        else:
            found |= names(kind, f"{name}__")
    return found


class BadSetting(Exception):  # noqa: N818 - named for the fact, as all our errors
    """A setting that stops the start; its text names the key and the reason."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        BadSetting: Naming the key and the reason.
    """
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    tree: dict[str, Any] = {}
    for name, text in _with_files(given).items():
        if name not in names():
            raise _bad(name, "there is no such setting")
        *parts, leaf = name.removeprefix(PREFIX).lower().split("__")
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
        branch[leaf] = _value(name, text)
    try:
        return convert(tree, Settings, strict=False, dec_hook=lambda kind, text: kind(text))
    except ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        place = path.rstrip("`")
        leaf, _, reason = said.partition(": ")
        own = _name(f"{place}.{leaf}")
        if own in names():  # a check of ours says which setting of a part it means
            raise _bad(own, reason) from error
        raise _bad(_name(place), _reason(_name(place), said)) from error


def _value(name: str, text: str) -> str | Names:
    kind = names()[name][1].kind
    if kind is Path and not text:  # which would be the folder one happens to be in
        raise _bad(name, "must not be empty")
    return _listed(text) if kind == Names else text


_KINDS: Mapping[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}
_BOUND = re.compile(r"Expected `\w+` (>=|>|<=) (.+)")
_BOUNDS = {">=": "at least", ">": "more than", "<=": "at most"}


def _reason(key: str, said: str) -> str:
    """Put what the decoder says into the words of whoever set it."""
    kind = names()[key][1].kind if key in names() else None
    if get_origin(kind) is Literal:
        return f"must be one of {', '.join(get_args(kind))}"
    if bound := _BOUND.fullmatch(said):
        return f"must be {_BOUNDS[bound[1]]} {bound[2]}"
    return f"must be {_KINDS[kind]}" if kind in _KINDS else said


def _listed(text: str) -> Names:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _name(path: str) -> str:
    """Return the environment name for a path such as `.http.port` or `.doors[0]`."""
    return PREFIX + "__".join(part.partition("[")[0].upper() for part in path.split(".") if part)


def _with_files(given: Mapping[str, str]) -> dict[str, str]:
    """Replace `NAME_FILE` by `NAME` with what is in the file."""
    values = dict(given)
    for name, path in given.items():
        plain = name.removesuffix("_FILE")
        if plain == name or plain not in names():
            continue
        if plain in given:
            raise _bad(plain, f"is set twice, here and by {name}")
        try:
            values[plain] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad(name, "the file cannot be read") from error
        del values[name]
    return values


def _bad(key: str, reason: str) -> BadSetting:
    return BadSetting(f"{key}: {reason}.")
