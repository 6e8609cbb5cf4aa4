"""Routes that take files in: one as it is, or many in a form. `tus.py` has the one that can be resumed."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.sync import FOLDER_MAX
from tutti.doors.http.forms import Fields, Form
from tutti.doors.http.uploads import content_length, held, pour, wanted_digest, whole
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import uploads as shapes
from tutti.services.uploads import Upload

AnyRequest = Request[Any, Any, Any]
Sha256 = Annotated[str | None, QueryParameter(name="sha256", max_length=64)]
Folder = Annotated[str, QueryParameter(name="folder", max_length=4 * FOLDER_MAX)]
_SIGNED_IN = {"policy": Policy.SIGNED_IN, "body": "application/octet-stream"}
_FORM = {"policy": Policy.SIGNED_IN, "body": "multipart/form-data"}
_TAGS = ["uploads"]


@put("/files/{name:str}", opt=_SIGNED_IN, request_max_body_size=None, summary="Send a file", tags=_TAGS)
async def put_file(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    name: FromPath[str],
    *,
    library: FromQuery[UUID | None] = None,
    sha256: Sha256 = None,
    folder: Folder = "",
) -> Response[shapes.UploadedFile]:
    """Take a file whose body is its bytes: 201 with the item, 200 with the one that has these bytes already.

    `folder` is where the client has it, for other clients of sync. A digest may be given as `Content-Digest`
    (RFC 9530) or `sha256`, and is compared before anything is kept.
    """
    fields = request.scope["headers"]
    digest, length = wanted_digest(fields, sha256), content_length(fields)
    if (data := await whole(request.receive, await desk.caller(request), length)) is not None:
        accepted = await desk.take(
            request, desk.ingest.take, name, data, library_uuid=library, folder=folder, sha256=digest
        )
    else:
        upload = await desk.take(request, desk.ingest.stage, name, library_uuid=library, folder=folder, length=length)
        async with held(desk.bodies, upload):
            await pour(desk.bodies, request.receive, upload)
            accepted = await desk.bodies(desk.ingest.accept, upload, sha256=digest)
    return Response(shapes.uploaded(accepted), status_code=201 if accepted.is_new else 200)


@post("/uploads", status_code=200, opt=_FORM, request_max_body_size=None, summary="Send a form of files", tags=_TAGS)
async def send_form(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.SentFile]:
    """Take every file of a form, and say what became of each; `library` and `folder` count for the files after them."""

    async def stage(filename: str, fields: Fields) -> Upload:
        def begin(caller: Caller) -> Upload:  # what a stranger says of a file is not looked at
            library, folder = library_of(fields), fields.get("folder", "")
            return desk.ingest.stage(caller, filename, library_uuid=library, folder=folder)

        return await desk.take(request, begin)

    form = Form(desk.bodies, stage, desk.ingest.accept)
    outcomes = await form.read(request.receive, request.headers.get("content-type", ""))
    return [shapes.sent(outcome) for outcome in outcomes]


def library_of(fields: Mapping[str, str]) -> UUID | None:
    """Return the library that a client names, None when it names none.

    Raises:
        AppError: NOT_FOUND `library_not_found`.
    """
    try:
        return UUID(fields["library"]) if fields.get("library") else None
    except ValueError:
        raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.") from None


routes = (put_file, send_form)
