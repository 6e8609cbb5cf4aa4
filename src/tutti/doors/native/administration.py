"""Routes for administrators: jobs, and the server at a glance."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from tutti.doors.native.catalog import Cursor, Limit
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import administration as shapes
from tutti.doors.native.shapes.common import Listing, listing
from tutti.services.catalog import PageWish

AnyRequest = Request[Any, Any, Any]
Word = Annotated[str | None, QueryParameter(max_length=40)]
_ADMIN = {"policy": Policy.ADMIN}
_TAGS = ["administration"]


@get("/jobs", opt=_ADMIN, summary="List jobs", tags=_TAGS)
async def list_jobs(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    job_state: Word = None,
    kind: Word = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.JobStatus]:
    """Return work that is not done yet, the newest first; for administrators."""
    page = await desk.call(request, desk.jobs.page, PageWish(cursor, limit), state=job_state, kind=kind)
    return listing(page, shapes.job)


@get("/jobs/{job:uuid}", opt=_ADMIN, summary="Get a job", tags=_TAGS)
async def get_job(request: AnyRequest, desk: NamedDependency[Desk], job: FromPath[UUID]) -> shapes.JobStatus:
    """Return one job with how far it is; a finished one is 404."""
    return shapes.job(await desk.call(request, desk.jobs.one, job))


@post("/jobs/{job:uuid}/retry", status_code=202, opt=_ADMIN, summary="Try a job again", tags=_TAGS)
async def retry_job(request: AnyRequest, desk: NamedDependency[Desk], job: FromPath[UUID]) -> None:
    """Let a job begin anew that failed too often and was set aside."""
    await desk.call(request, desk.jobs.retry, job)


@post("/jobs/{job:uuid}/cancel", status_code=202, opt=_ADMIN, summary="Cancel a job", tags=_TAGS)
async def cancel_job(request: AnyRequest, desk: NamedDependency[Desk], job: FromPath[UUID]) -> None:
    """Let a job not be done; one that runs ends at its next step."""
    await desk.call(request, desk.jobs.cancel, job)


@get("/audit", opt=_ADMIN, summary="Read the audit log", tags=_TAGS)
async def list_audit(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    action: Word = None,
    actor: Annotated[str | None, QueryParameter(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.AuditEntry]:
    """Return who did what and what was refused, the newest first; for administrators."""
    page = await desk.call(request, desk.audit.page, PageWish(cursor, limit), action=action, by=actor)
    return listing(page, shapes.audit_entry)


@get("/admin/overview", opt=_ADMIN, summary="The server at a glance", tags=_TAGS)
async def overview(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Overview:
    """Return how many there are of everything; for administrators."""
    return shapes.overview(await desk.call(request, desk.administration.overview))


routes = (list_jobs, get_job, retry_job, cancel_job, list_audit, overview)
