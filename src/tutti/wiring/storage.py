"""Opens the blob store that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass

from tutti.backends.blobs_local import LocalBlobs
from tutti.domain.values import BlobHash
from tutti.ports.blobs import BlobStore, RemoteBlobs
from tutti.settings import Settings


@dataclass(frozen=True, slots=True)
class Storage:
    """Where blobs are.

    Attributes:
        remote: How they are sent, when they are not files of this machine.
        prepare: Makes what the store needs and is missing; raises AppError with a sentence for whoever starts us.
        place: Where it is, for people.
    """

    blobs: BlobStore
    remote: RemoteBlobs | None
    prepare: Callable[[], None]
    place: str


def open_storage(settings: Settings) -> Storage:
    """Open the store; a remote one is not asked anything yet.

    Raises:
        AppError: As the stores.
    """
    reserve_bytes = settings.blobs.reserve_mb << 20
    if settings.blobs.is_remote:
        return _bucket(settings, reserve_bytes)
    blobs = LocalBlobs(settings.blobs_dir, reserve_bytes=reserve_bytes, on_repair=_repaired)
    return Storage(blobs, None, lambda: None, str(settings.blobs_dir))


def _bucket(settings: Settings, reserve_bytes: int) -> Storage:
    from tutti.backends import blobs_s3  # noqa: PLC0415 - 20 MB for who does not want it

    name, _, prefix = settings.blobs.url.removeprefix("s3://").partition("/")
    address = blobs_s3.S3Address(
        bucket=name,
        prefix=prefix.strip("/"),
        endpoint=settings.blobs.endpoint.rstrip("/"),
        region=settings.blobs.region,
        access_key=str(settings.blobs.access_key),
        secret_key=str(settings.blobs.secret_key),
    )
    bucket = blobs_s3.Bucket(address, on_failure=lambda reason: _warn("store.failed", reason=reason))
    blobs = blobs_s3.S3Blobs(bucket, settings.blobs_dir, reserve_bytes=reserve_bytes, on_repair=_repaired)
    return Storage(blobs, blobs_s3.S3Remote(bucket), bucket.prepare, str(address))


def _repaired(blob_hash: BlobHash) -> None:
    _warn("blob.repaired", blob=blob_hash)


def _warn(event: str, **facts: object) -> None:
    import structlog  # noqa: PLC0415 - takes rich along, which a server does without

    structlog.get_logger().warning(event, **facts)
