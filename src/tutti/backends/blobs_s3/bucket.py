"""The bucket: how it is reached, with which patience, and how its failures are named."""

import http.client
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from tutti.backends.blobs_local.disk import store_failed
from tutti.backends.blobs_s3.breaker import Breaker
from tutti.domain.errors import AppError, ErrorKind

if TYPE_CHECKING:
    from obstore.store import ClientConfig

REQUEST_S = 15
"""How long a small request may take; a transfer may go without a byte for as long."""
_CONNECT = timedelta(seconds=5)
_TRANSFER = timedelta(days=1)
_PART = timedelta(minutes=5)
_REASON = re.compile(r"<Code>(\w+)</Code>")


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where a bucket is, and who we are there.

    Attributes:
        prefix: Folder within the bucket, without slashes at its ends; may be empty.
        endpoint: URL of the server; empty means Amazon's.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str

    def __str__(self) -> str:
        place = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{place} at {self.endpoint}" if self.endpoint else place


class Missing(Exception):  # noqa: N818 - named for the fact, as all our errors
    """There is no such object."""


class Bucket:
    """One bucket, asked with bounded retries and jitter; safe to use from several threads.

    Attributes:
        small: For what is done in one moment.
        once: Likewise, never tried again: a deletion must not come a second time, when the bytes are back.
        reading: For bodies: as long as bytes come, they may come slowly.
        writing: For bodies that we send.
    """

    def __init__(self, address: S3Address, *, on_failure: Callable[[str], None] = lambda _: None) -> None:
        self.address = address
        self._on_failure = on_failure
        self._breaker = Breaker()
        self.small = _store(address, {"timeout": timedelta(seconds=REQUEST_S)}, retries=3)
        self.once = _store(address, {"timeout": timedelta(seconds=REQUEST_S)}, retries=0)
        patient: ClientConfig = {"timeout": _TRANSFER, "read_timeout": timedelta(seconds=REQUEST_S)}
        self.reading = _store(address, patient, retries=3)
        self.writing = _store(address, {"timeout": _PART}, retries=3)

    def key(self, *parts: str) -> str:
        """Return the name of an object of ours."""
        return "/".join(part for part in (self.address.prefix, *parts) if part)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Name the failures of a request.

        Raises:
            Missing: There is no such object. For HEAD, which has no body, a missing bucket looks the same.
            AlreadyExistsError: It was to be made, and is there.
            AppError: UNAVAILABLE `store_failed` for everything else.
        """
        if not self._breaker.may_try():
            raise store_failed()
        try:
            yield
        except AlreadyExistsError:
            self._breaker.succeeded()
            raise
        except (BaseError, OSError) as error:
            raise self.failure(error) from None
        self._breaker.succeeded()

    def failure(self, error: Exception) -> Exception:
        """Return what an exception of the library means: `Missing`, or an AppError; the operator is told of those."""
        reason = _REASON.search(str(error))
        if isinstance(error, FileNotFoundError) and (reason is None or reason[1] == "NoSuchKey"):
            self._breaker.succeeded()
            return Missing()
        if reason is not None and reason[1] == "InvalidRange":  # it is shorter than it should be
            return store_failed()
        self._breaker.failed()
        self._on_failure(reason[1] if reason else str(error).partition("\n")[0][:300])
        return store_failed()

    def prepare(self) -> None:
        """Make the bucket when it is missing, and refuse a server that cannot keep our promises.

        Raises:
            AppError: UNAVAILABLE `store_unreachable`, INVALID `bad_store`: sentences for whoever starts us.
        """
        probe = self.key("probe", secrets.token_hex(8))
        try:
            self._put_probe(probe)
        except FileNotFoundError:
            self._make()
            self._put_probe(probe)
        except (BaseError, OSError) as error:
            raise _unreachable(self.address, error) from error
        try:
            obstore.put(self.small, probe, b"", mode="create")
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as error:
            raise _unreachable(self.address, error) from error
        finally:
            with self.asked():
                obstore.delete(self.small, probe)
        raise AppError(
            ErrorKind.INVALID, "bad_store", f"{self.address} ignores If-None-Match; it cannot keep blobs safely."
        )

    def _put_probe(self, probe: str) -> None:
        obstore.put(self.small, probe, b"", mode="create")

    def _make(self) -> None:
        """Create the bucket: the one request that the library has no name for, so it is signed by it and sent by us."""
        place = self.address
        url = obstore.sign(_store(place, {}, retries=0), "PUT", "", timedelta(minutes=5))
        body = ""
        if not place.endpoint and place.region != "us-east-1":
            body = (
                '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>'
                f"{escape(place.region)}</LocationConstraint></CreateBucketConfiguration>"
            )
        try:
            # The scheme is that of the endpoint, which settings have checked.
            with urlopen(Request(url, body.encode(), method="PUT"), timeout=REQUEST_S):  # noqa: S310
                pass
        except HTTPError as error:
            with error:
                said = _REASON.search(error.read(4096).decode(errors="replace"))
            if said is None or said[1] != "BucketAlreadyOwnedByYou":
                raise _unreachable(place, error, f"the bucket cannot be made: {said[1] if said else error}") from error
        except (URLError, OSError, http.client.HTTPException) as error:
            raise _unreachable(place, error) from error


def _store(address: S3Address, patience: "ClientConfig", *, retries: int) -> S3Store:
    client: ClientConfig = {"allow_http": address.endpoint.startswith("http://"), "connect_timeout": _CONNECT}
    return S3Store(
        address.bucket,
        endpoint=address.endpoint or None,
        region=address.region,
        access_key_id=address.access_key,
        secret_access_key=address.secret_key,
        virtual_hosted_style_request=not address.endpoint,
        client_options=client | patience,
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=10),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
        },
    )


def _unreachable(address: S3Address, error: Exception, reason: str = "") -> AppError:
    code = _REASON.search(str(error))
    if not reason and (code is not None or "403" in str(error)):
        reason = f"it answered {code[1] if code else 'that we may not'}"
    message = f"The blob store {address} cannot be used: {reason or 'it does not answer'}."
    return AppError(ErrorKind.UNAVAILABLE, "store_unreachable", message)
