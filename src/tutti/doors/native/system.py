"""Routes about the server itself: the landing, health, the public keys, the page on which it is claimed."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromQuery

from tutti.domain.errors import AppError
from tutti.doors.http.access import is_local
from tutti.doors.native.desk import RULES, Desk, Policy
from tutti.doors.native.errors import STATUSES
from tutti.doors.native.shapes import server as shapes
from tutti.services.accounts import NewUser

AnyRequest = Request[Any, Any, Any]
_ANYONE = {"policy": Policy.ANYONE}
_SIGNED_IN_OR_LOCAL = {"policy": Policy.SIGNED_IN_OR_LOCAL}
_HOLE = re.compile(r"\{(token|error|username)\}")
_PAGE_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


@get("/", opt=_ANYONE, include_in_schema=False)
async def landing() -> dict[str, str]:
    """Say what this is."""
    return {"service": "tutti", "status": "ok", "message": "Tutti is running.", "documentation": "/api/v1/openapi.json"}


@get("/health", opt=_ANYONE, summary="Is the server ready", tags=["server"])
async def health(desk: NamedDependency[Desk]) -> shapes.Health:
    """Answer 200 when the database answers, else 503."""
    await desk.hop(desk.health.ping)
    return shapes.Health(status="ok")


@get("/health/ready", opt=_SIGNED_IN_OR_LOCAL, summary="How the parts of the server are", tags=["server"])
async def ready(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Readiness:
    """Return the state of everything the server needs; for signed-in callers and for the machine itself."""
    if is_local(request.scope):
        return shapes.readiness(await desk.hop(desk.health.report))
    return shapes.readiness(await desk.call(request, lambda _: desk.health.report()))


@get("/.well-known/jwks.json", opt=_ANYONE, summary="Public keys", tags=["server"])
async def jwks(desk: NamedDependency[Desk]) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Return the keys that access tokens are verified with (RFC 7517)."""
    return await desk.hop(desk.jwks)


@get("/api/v1/openapi.json", opt=_ANYONE, include_in_schema=False)
async def openapi() -> Response[bytes]:
    """Return the description of this API, as it was written when this version was made."""
    return Response(_document(), media_type=MediaType.JSON)


@get("/claim", opt=_ANYONE, include_in_schema=False)
async def claim_page(token: FromQuery[str] = "") -> Response[str]:
    """Show the form on which a new server is claimed."""
    return _page("claim.html", {"token": token, "error": ""})


@post("/claim", status_code=200, opt=_ANYONE, include_in_schema=False)
async def claim_form(
    desk: NamedDependency[Desk],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """Claim the server with what the form holds."""
    token = data.get("token", "")
    wanted = NewUser(data.get("username", ""), data.get("password", ""), data.get("email") or None)
    try:
        caller = await desk.logins(desk.accounts.claim, token, wanted, RULES)
    except AppError as error:
        return _page("claim.html", {"token": token, "error": error.message}, STATUSES[error.kind])
    return _page("claimed.html", {"username": caller.username})


@cache
def _document() -> bytes:
    return files("tutti.doors.native").joinpath("openapi.json").read_bytes()


def _page(name: str, values: Mapping[str, str], status: int = 200) -> Response[str]:
    template = files("tutti.doors.native").joinpath(name).read_text(encoding="utf-8")
    page = _HOLE.sub(lambda hole: escape(values[hole[1]]), template)
    headers = {"content-security-policy": _PAGE_CSP, "cache-control": "no-store"}
    return Response(page, status_code=status, media_type=MediaType.HTML, headers=headers)


routes = (landing, health, ready, jwks, openapi, claim_page, claim_form)
