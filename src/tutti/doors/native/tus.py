"""Uploads that survive a cut connection: tus 1.0.0 with its extensions but for deferred lengths and concatenation.

Source: https://tus.io/protocols/resumable-upload (1.0.0).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any, NamedTuple
from uuid import UUID

from litestar import Request, Response, Router, delete, get, patch, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.app import request_id
from tutti.doors.http.problems import MEDIA_TYPE, problem
from tutti.doors.http.uploads import CutOffError, content_length, decoded, held, pour
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.errors import STATUSES
from tutti.doors.native.uploads import library_of
from tutti.services.uploads import Upload, UploadState

AnyRequest = Request[Any, Any, Any]
_VERSION = "1.0.0"
_TUS = {"Tus-Resumable": _VERSION}
_BODY = "application/offset+octet-stream"
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_WITH_BODY = {**_SIGNED_IN, "body": _BODY}
_STATUSES = {"checksum_mismatch": 460, "staged_busy": 423}
_METADATA_MAX = 8192
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_LARGEST = 1 << 62


class _Checksum(NamedTuple):
    algorithm: str
    digest: str


@route("/", http_method=["OPTIONS"], opt={"policy": Policy.ANYONE}, include_in_schema=False, status_code=204)
async def describe_tus(desk: NamedDependency[Desk]) -> Response[None]:
    """Say what this server can do."""
    fields = {
        "Tus-Version": _VERSION,
        "Tus-Extension": "creation,creation-with-upload,checksum,termination,expiration",
        "Tus-Checksum-Algorithm": ",".join(_HASHES),
        "Tus-Max-Size": str(desk.ingest.max_file_bytes),
    }
    return Response(None, status_code=204, headers=_TUS | fields)


@post("/", opt=_WITH_BODY, request_max_body_size=None, summary="Begin a resumable upload", tags=["uploads"])
async def begin_upload(request: AnyRequest, desk: NamedDependency[Desk]) -> Response[None]:
    """Make an upload of `Upload-Length` bytes; `Upload-Metadata` may name `filename`, `library`, `relativePath`."""
    _check_version(request)
    length, described = _number(request, "upload-length"), request.headers.get("upload-metadata", "")
    said = _metadata(described)
    upload = await desk.take(
        request,
        desk.ingest.create,
        said.get("filename") or said.get("name", ""),
        library_uuid=library_of(said),
        folder=said.get("relativePath", "").replace("\\", "/").rpartition("/")[0],
        length=length,
        described=described,
    )
    fields = {"Location": f"/api/v1/tus/{upload.uuid}"}
    if request.headers.get("content-type") == _BODY:
        return Response(None, status_code=201, headers=fields | await _take(request, desk, upload))
    async with held(desk.bodies, upload):
        state = await desk.bodies(desk.ingest.pause, upload)
    return Response(None, status_code=201, headers=fields | _fields(state))


@get("/{upload:uuid}", opt=_SIGNED_IN, status_code=200, summary="Ask how far an upload is", tags=["uploads"])
async def ask_upload(request: AnyRequest, desk: NamedDependency[Desk], upload: FromPath[UUID]) -> Response[None]:
    """Say in `Upload-Offset` how many bytes are durable; meant for HEAD."""
    _check_version(request)
    state = await desk.take(request, desk.ingest.find, upload)
    described = {"Upload-Metadata": state.described} if state.described else {}
    fields = {"Upload-Length": str(state.length), "Cache-Control": "no-store"}
    return Response(None, headers=_fields(state) | fields | described)


@patch("/{upload:uuid}", opt=_WITH_BODY, request_max_body_size=None, summary="Go on with an upload", tags=["uploads"])
async def continue_upload(request: AnyRequest, desk: NamedDependency[Desk], upload: FromPath[UUID]) -> Response[None]:
    """Append the body at `Upload-Offset`; with the last byte the file is an item, which `Upload-Item` names."""
    _check_version(request)
    if request.headers.get("content-type") != _BODY:
        raise AppError(ErrorKind.UNSUPPORTED, "unsupported_media_type", f"The body must be {_BODY}.")
    _checksum(request)
    held_upload = await desk.take(request, desk.ingest.resume, upload, _number(request, "upload-offset"))
    return Response(None, status_code=204, headers=await _take(request, desk, held_upload))


@delete("/{upload:uuid}", opt=_SIGNED_IN, status_code=204, summary="Give an upload up", tags=["uploads"])
async def end_upload(request: AnyRequest, desk: NamedDependency[Desk], upload: FromPath[UUID]) -> Response[None]:
    """Forget the bytes of an upload; an item that it has become stays."""
    _check_version(request)
    await desk.take(request, desk.ingest.terminate, upload)
    return Response(None, status_code=204, headers=_TUS)


async def _take(request: AnyRequest, desk: Desk, upload: Upload) -> dict[str, str]:
    """Append the body of a request and return the fields that say how far the upload is.

    What a cut connection leaves stays, unless it was to be checked as a whole.
    """
    async with held(desk.bodies, upload):
        checksum = _checksum(request)
        coming = content_length(request.scope["headers"])
        if upload.length is not None and coming is not None and upload.offset + coming > upload.length:
            raise AppError(ErrorKind.TOO_LARGE, "length_exceeded", "More bytes came than were announced.")
        if checksum is not None:
            upload.mark(checksum.algorithm)
        try:
            await pour(desk.bodies, request.receive, upload)
        except CutOffError:
            return _fields(await desk.bodies(desk.ingest.pause, upload))
        if checksum is not None:
            await desk.bodies(upload.confirm, checksum.digest)
        return _fields(await desk.bodies(desk.ingest.settle, upload))


def _fields(state: UploadState) -> dict[str, str]:
    item = {"Upload-Item": str(state.item_uuid)} if state.item_uuid else {}
    expires = format_datetime(state.expires_at, usegmt=True)
    return _TUS | {"Upload-Offset": str(state.offset), "Upload-Expires": expires} | item


def _check_version(request: AnyRequest) -> None:
    if request.headers.get("tus-resumable") != _VERSION:
        raise AppError(ErrorKind.PRECONDITION, "unknown_tus_version", "Only tus 1.0.0 is spoken here.")


def _number(request: AnyRequest, name: str) -> int:
    """Return a field that must be a number."""
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004 - the digits of 2^63
        raise AppError(ErrorKind.MALFORMED, "bad_field", f"{name.title()} must be a number of bytes.")
    return min(int(text), _LARGEST)


def _metadata(text: str) -> Mapping[str, str]:
    """Take `Upload-Metadata` apart: keys, each with a value in base64."""
    if len(text) > _METADATA_MAX:
        raise AppError(ErrorKind.TOO_LARGE, "metadata_too_large", "Upload-Metadata is too long.")
    found = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise AppError(ErrorKind.MALFORMED, "bad_field", "Upload-Metadata is not in base64.") from None
    return found


def _checksum(request: AnyRequest) -> _Checksum | None:
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in _HASHES:
        raise AppError(ErrorKind.MALFORMED, "bad_field", f"Upload-Checksum must be one of {', '.join(_HASHES)}.")
    return _Checksum(algorithm, decoded(value.strip(), _HASHES[algorithm]().digest_size))


def _answer_failure(request: AnyRequest, error: AppError) -> Response[bytes]:
    """Give a failure the statuses and the field that tus asks for."""
    status = _STATUSES.get(error.code, STATUSES[error.kind])
    body = problem(status, error.code, error.message, request_id(request.scope))
    version = {"Tus-Version": _VERSION} if error.kind is ErrorKind.PRECONDITION else {}
    retry = {"Retry-After": "2"} if status in {429, 503} else {}
    sign_in = {"WWW-Authenticate": "Bearer"} if error.kind is ErrorKind.UNAUTHENTICATED else {}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=_TUS | version | retry | sign_in)


tus = Router(
    "/tus",
    route_handlers=[describe_tus, begin_upload, ask_upload, continue_upload, end_upload],
    exception_handlers={AppError: _answer_failure},
)
routes = (tus,)
