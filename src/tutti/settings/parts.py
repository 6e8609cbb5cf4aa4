"""The parts of the tree: each setting with its type, its default, its bounds and what it does."""

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

LATER = "Not in this version."
SECRET_CHARS = 16
"""The least characters of a secret that somebody chose."""
_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?")
_PORT_MAX = 65535

Names = tuple[str, ...]
"""Written with commas between."""

KNOWN_SECRETS = frozenset({"dev-security-key", "dev-secret-key", "minioadmin"})
"""What the originals ship with, and everybody knows."""


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
    """The gRPC listeners; every service answers on each of them."""

    host: Annotated[str, Meta(description="Address to listen on; empty means as HTTP.")] = ""
    ports: Annotated[
        Names,
        Meta(description="Ports, separated by commas; 0 takes a free one, empty is off."),
    ] = ("50051", "50052", "50053")
    reflection: Annotated[
        bool, Meta(description="Whether clients such as grpcurl may ask which services there are.")
    ] = False
    tls_cert: Annotated[str, Meta(description="File with the PEM certificate chain; empty is without TLS.")] = ""
    tls_key: Annotated[str, Meta(description="File with the PEM private key of the certificate.")] = ""
    max_upload_minutes: Annotated[
        int, Meta(ge=1, le=24 * 60, description="How long one upload over gRPC may take.")
    ] = 60
    stall_s: Annotated[
        float,
        Meta(gt=0, description="An upload that sends nothing, or a download that takes nothing, for so long is ended."),
    ] = 60.0

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.host:
            _check_host(self.host)
        check_ports("ports", self.ports)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert: certificate and key belong together")

    @property
    def numbers(self) -> Sequence[int]:
        """The ports as numbers."""
        return [int(port) for port in self.ports]


class AstolfoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The door of Astolfo's phones."""

    open_as: Annotated[
        str,
        Meta(
            description="Account as which callers without a token act: for the original app, which never sends one."
            " Whoever reaches the port can then read and delete what that account can. Empty is off."
        ),
    ] = ""
    open_ports: Annotated[
        Names, Meta(description="Those of the gRPC ports on which `open_as` holds; empty means all of them.")
    ] = ()

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        check_ports("open_ports", self.open_ports)
        if self.open_ports and not self.open_as:
            raise ValueError("open_ports: needs open_as, the account as which callers act there")


def check_ports(field: str, ports: Names) -> None:
    """Refuse what is no port, and one that is named twice; 0 may be."""
    for port in ports:
        if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _PORT_MAX:
            raise ValueError(f"{field}: {port!r} is no port")
    named = [int(port) for port in ports if int(port)]
    if len(named) != len(set(named)):
        raise ValueError(f"{field}: a port is named twice")


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

    url: Annotated[
        str, Meta(description="`file:///PATH`, or `s3://BUCKET/PREFIX` of an S3 server; empty means the data folder.")
    ] = ""
    endpoint: Annotated[
        str,
        Meta(description="URL of the S3 server, such as `https://s3.example.org`; empty means Amazon's."),
    ] = ""
    region: Annotated[str, Meta(description="Region that requests to the S3 server are signed for.")] = "us-east-1"
    access_key: Annotated[Secret, Meta(description="Who we are at the S3 server.")] = Secret()
    secret_key: Annotated[Secret, Meta(description="The secret of the access key.")] = Secret()
    presign: Annotated[
        bool,
        Meta(
            description="Whether players are sent to the S3 server, by an address that works for five minutes for"
            " whoever has it; they must be able to reach it."
        ),
    ] = False
    reserve_mb: Annotated[int, Meta(ge=0, description="Megabytes of disk space that uploads leave free.")] = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be opened, and what everybody knows."""
        if self.url and not self.url.startswith("file:///") and not _BUCKET_URL.fullmatch(self.url):
            raise ValueError("url: must be file:///PATH or s3://BUCKET/PREFIX; a bucket has 3 to 63 characters")
        if not self.is_remote:
            return
        parts = urlsplit(self.endpoint)
        if self.endpoint and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/")):
            raise ValueError("endpoint: must be the address of a server, such as https://s3.example.org")
        for name, value in (("access_key", self.access_key), ("secret_key", self.secret_key)):
            if not value:
                raise ValueError(f"{name}: must be set for s3://")
            if value == "minioadmin":
                raise ValueError(f"{name}: everybody knows this one; choose another")

    @property
    def is_remote(self) -> bool:
        """Whether blobs are in a bucket."""
        return self.url.startswith("s3://")


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
    security_key: Annotated[
        Secret,
        Meta(
            description="Whoever shows this key may make an account by gRPC, whatever `registration` says; without one"
            " nobody may."
        ),
    ] = Secret()
    access_minutes: Annotated[int, Meta(ge=1, le=60, description="Life of an access token.")] = 15
    refresh_days: Annotated[
        int, Meta(ge=1, le=90, description="Life of a refresh token; a session lives 90 days at most.")
    ] = 30
    ticket_hours: Annotated[int, Meta(ge=1, le=24, description="Life of a signed stream address.")] = 6
    min_password_chars: Annotated[int, Meta(ge=8, le=64, description="Shortest password of a new account.")] = 8

    def __post_init__(self) -> None:
        """Refuse what can be guessed."""
        if self.security_key and (len(self.security_key) < SECRET_CHARS or self.security_key in KNOWN_SECRETS):
            raise ValueError(f"security_key: must be a secret of its own with at least {SECRET_CHARS} characters")


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
        if self.token and len(self.token) < SECRET_CHARS:
            raise ValueError(f"token: must have at least {SECRET_CHARS} characters")


class SyncSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The program that keeps folders in step with a server; the server itself reads none of it."""

    key: Annotated[
        Secret, Meta(description="App key with which `tutti sync` speaks to a server, instead of one that it keeps.")
    ] = Secret()


class CompatSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the programs that Tutti replaces."""

    env: Annotated[
        Names,
        Meta(description="Doors whose original environment names are read, too, separated by commas; see below."),
    ] = ()
