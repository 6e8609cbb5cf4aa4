"""The whole tree of settings, and the name that each has in the environment."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct
from msgspec.structs import fields

from tutti.settings.parts import (
    LATER,
    AstolfoSettings,
    AuditSettings,
    AuthSettings,
    BlobSettings,
    CompatSettings,
    DatabaseSettings,
    EventSettings,
    GRPCSettings,
    HTTPSettings,
    LimitSettings,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    MopidySettings,
    Names,
    QuotaSettings,
    RedisSettings,
    ScanSettings,
    SyncSettings,
    TrashSettings,
    UploadSettings,
)

DOORS = ("native", "astolfo")
LATER_DOORS = ("sinuzoid", "musakone", "tuneton", "joykunga", "subsonic", "web")
PREFIX = "TUTTI_"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole tree."""

    data_dir: Annotated[Path, Meta(description="Folder of everything the server keeps: database, keys, blobs.")] = Path(
        "data"
    )
    doors: Annotated[Names, Meta(description="Which doors are open, separated by commas.")] = DOORS
    http: HTTPSettings = HTTPSettings()
    grpc: GRPCSettings = GRPCSettings()
    astolfo: AstolfoSettings = AstolfoSettings()
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
    sync: SyncSettings = SyncSettings()
    compat: CompatSettings = CompatSettings()

    def __post_init__(self) -> None:
        """Refuse doors that do not exist, and ports that nobody listens on."""
        for door in self.doors:
            if door not in DOORS + LATER_DOORS:
                raise ValueError(f"doors: there is no door named {door!r}; known: {', '.join(DOORS + LATER_DOORS)}")
        for port in self.astolfo.open_ports:
            if int(port) not in self.grpc.numbers:
                raise ValueError(f"astolfo.open_ports: {port} is none of the gRPC ports")

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
        """The folder of the blob store; of a remote one, what is on its way to it."""
        is_elsewhere = self.blobs.url.startswith("file://")
        return Path(self.blobs.url.removeprefix("file://")) if is_elsewhere else self.data_dir / "blobs"


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
