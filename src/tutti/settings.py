"""Every setting, typed and checked before anything starts; the only reader of the environment.

Names are `TUTTI_` plus the path with `__`: `http.port` is `TUTTI_HTTP__PORT`. A name with `_FILE` behind it names a
file that holds the value.
"""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

DOORS = ("native",)
LATER_DOORS = ("astolfo", "sinuzoid", "musakone", "tuneton", "joykunga", "subsonic", "web")
PREFIX = "TUTTI_"

Port = Annotated[int, Field(ge=0, le=65535)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class HTTPSettings(_Part):
    """The one HTTP port of all doors."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=7700, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        default="",
        description="How clients reach this server, such as `https://music.example.org`; for links it makes.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Networks of reverse proxies whose `X-Forwarded-For` is believed, separated by commas."
    )
    listeners: tuple[str, ...] = Field(
        default=(), description="Historic listeners, `door:port`, separated by commas. Not in this version."
    )
    threads: int = Field(default=4, ge=1, le=64, description="Worker threads for use cases.")
    queue: int = Field(
        default=256, ge=1, description="Requests that may wait for a worker thread; more are answered 503."
    )
    write_stall_s: float = Field(
        default=60, gt=0, description="A download that makes no progress for so long is ended."
    )

    @field_validator("trusted_proxies", "listeners", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network, strict=False)
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://music.example.org")
        return value.rstrip("/")


class GRPCSettings(_Part):
    """The gRPC listeners."""

    host: str = Field(default="", description="Address to listen on; empty means as HTTP. Not in this version.")
    ports: str = Field(default="", description="Ports, separated by commas; empty is off. Not in this version.")


class DatabaseSettings(_Part):
    """Where rows are."""

    url: str = Field(default="", description="Database URL; empty means `tutti.db` in the data folder.")

    @field_validator("url")
    @classmethod
    def _sqlite(cls, value: str) -> str:
        if value and not value.startswith("sqlite:///"):
            raise ValueError("only sqlite:///PATH is supported by this version")
        return value


class BlobSettings(_Part):
    """Where the bytes that are ours are."""

    url: str = Field(default="", description="`file:///PATH`; empty means the data folder.")
    reserve_mb: int = Field(default=256, ge=0, description="Megabytes of disk space that uploads leave free.")

    @field_validator("url")
    @classmethod
    def _local(cls, value: str) -> str:
        if value and not value.startswith("file:///"):
            raise ValueError("only file:///PATH is supported by this version")
        return value


class AuthSettings(_Part):
    """Accounts and tokens."""

    registration: Literal["open", "invite", "closed"] = Field(
        default="closed", description="Who may make an account; `open` and `invite`: Not in this version."
    )
    security_key: SecretStr = Field(
        default=SecretStr(""), description="The gate of a door that registers by key. Not in this version."
    )
    access_minutes: int = Field(default=15, ge=1, le=60, description="Life of an access token.")
    refresh_days: int = Field(
        default=30, ge=1, le=90, description="Life of a refresh token; a session lives 90 days at most."
    )
    ticket_hours: int = Field(default=6, ge=1, le=24, description="Life of a signed stream address.")
    min_password_chars: int = Field(default=8, ge=8, le=64, description="Shortest password of a new account.")


class ScanSettings(_Part):
    """Folders that are read."""

    workers: int = Field(default=2, ge=1, le=32, description="Child processes that read tags.")
    every_minutes: int = Field(default=60, ge=0, description="How often all folders are scanned again; 0 is never.")
    watch: bool = Field(default=True, description="Whether folders are watched for changes while serving.")
    max_vanished_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="When a larger share of a folder's files vanished at once, none is removed.",
    )


class MediaSettings(_Part):
    """The children that open media."""

    sandbox: Literal["auto", "strict"] = Field(
        default="auto", description="`strict` refuses to read media where a layer of the sandbox is missing."
    )
    cover_cache_mb: int = Field(default=1024, ge=0, description="Megabytes of rendered covers to keep.")


class RedisSettings(_Part):
    """Redis, for many processes."""

    url: str = Field(default="", description="`redis://HOST:PORT/N`. Not in this version.")


class MopidySettings(_Part):
    """The player in the living room."""

    url: str = Field(default="", description="`ws://HOST:PORT/mopidy/ws`. Not in this version.")


class LogSettings(_Part):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is written."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto` is console on a terminal, else JSON."
    )


class CompatSettings(_Part):
    """Names of the programs that Tutti replaces."""

    env: tuple[str, ...] = Field(
        default=(),
        description="Doors whose original environment names are read, separated by commas. Not in this version.",
    )

    @field_validator("env", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value)


class Settings(_Part):
    """The whole tree."""

    data_dir: Path = Field(
        default=Path("data"), description="Folder of everything the server keeps: database, keys, blobs."
    )
    doors: tuple[str, ...] = Field(default=DOORS, description="Which doors are open, separated by commas.")
    http: HTTPSettings = HTTPSettings()
    grpc: GRPCSettings = GRPCSettings()
    db: DatabaseSettings = DatabaseSettings()
    blobs: BlobSettings = BlobSettings()
    auth: AuthSettings = AuthSettings()
    scan: ScanSettings = ScanSettings()
    media: MediaSettings = MediaSettings()
    redis: RedisSettings = RedisSettings()
    mopidy: MopidySettings = MopidySettings()
    log: LogSettings = LogSettings()
    compat: CompatSettings = CompatSettings()

    @field_validator("doors", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value)

    @field_validator("doors")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [door for door in value if door not in DOORS + LATER_DOORS]
        if unknown:
            raise ValueError(f"there is no door named {unknown[0]!r}; known: {', '.join(DOORS + LATER_DOORS)}")
        return value

    def without_effect(self) -> Sequence[str]:
        """Return the names that are set, and that this version has nothing to do with yet."""
        later = [name for name, (_, about) in names().items() if "Not in this version" in about.description]
        return [name for name in later if self.value_of(name) not in ("", (), "closed", SecretStr(""))]

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
    def blobs_dir(self) -> Path:
        """The folder of the blob store."""
        return Path(self.blobs.url.removeprefix("file://")) if self.blobs.url else self.data_dir / "blobs"


class About(NamedTuple):
    """What is known of a setting."""

    default: object
    description: str


def names(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> dict[str, tuple[type[BaseModel], About]]:
    """Return every environment name with the part of the tree it belongs to, in the order of the tree."""
    found: dict[str, tuple[type[BaseModel], About]] = {}
    for field, info in model.model_fields.items():
        name = f"{prefix}{field.upper()}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found |= names(info.annotation, f"{name}__")
        else:
            found[name] = (model, About(info.default, info.description or ""))
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
    for name, value in _with_files(given).items():
        if name not in names():
            raise _bad(name, "there is no such setting")
        *parts, leaf = name.removeprefix(PREFIX).lower().split("__")
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
        branch[leaf] = value
    try:
        return Settings(**tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = PREFIX + "__".join(str(part).upper() for part in first["loc"] if isinstance(part, str))
        raise _bad(key, first["msg"].removeprefix("Value error, ")) from error


def _with_files(given: Mapping[str, str]) -> dict[str, str]:
    """Replace `NAME_FILE` by `NAME` with what is in the file."""
    values = dict(given)
    for name, path in given.items():
        plain = name.removesuffix("_FILE")
        if plain == name or name in names():
            continue
        try:
            values[plain] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad(name, "the file cannot be read") from error
        del values[name]
    return values


def _bad(key: str, reason: str) -> BadSetting:
    return BadSetting(f"{key}: {reason}.")
