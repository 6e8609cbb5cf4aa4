"""How requests are read at every HTTP door: who may send them, and what a JSON body must be."""

from enum import StrEnum
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.access import bearer


class Policy(StrEnum):
    """Who may call a route; every route names one in its `opt`."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"
    SIGNED_IN_OR_LOCAL = "signed_in_or_local"
    ADMIN = "admin"


def require_token(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a stranger before anything he sent is read; whether the token is good is found out in the hop.

    Raises:
        AppError: UNAUTHENTICATED `token_missing`.
    """
    if handler.opt.get("policy") in {Policy.SIGNED_IN, Policy.ADMIN}:
        bearer(connection.scope["headers"])


class StrictRequest(Request[Any, Any, Any]):
    """Decodes a JSON body straight into the declared Struct, without coercion."""

    async def json(self) -> Any:  # noqa: ANN401 - the type the handler declares
        """Return the body as the declared type.

        Raises:
            ValidationException: It is not; the message has the path of the wrong field.
            AppError: UNSUPPORTED `unsupported_media_type`: a form of a foreign page can say that it is text, but not
                that it is JSON.
        """
        field = self.route_handler.parsed_data_field
        if field is None:
            return await super().json()
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise AppError(ErrorKind.UNSUPPORTED, "unsupported_media_type", "The body must be application/json.")
        try:
            return msgspec.json.decode(await self.body(), type=field.annotation)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValidationException(str(error)) from error
