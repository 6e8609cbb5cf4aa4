"""Writes the description of the native API; it is kept beside this file and served from there."""

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from msgspec import Struct

from tutti import __version__
from tutti.domain.caller import Permission, Role
from tutti.doors.native.desk import Policy
from tutti.doors.native.shapes import (
    access,
    accounts,
    administration,
    catalog,
    common,
    libraries,
    playlists,
    server,
    sync,
    trash,
    uploads,
)
from tutti.doors.native.stream import STREAM_PATH, describe_stream

_GENERIC = re.compile(r"Listing_tutti\.doors\.native\.shapes\.\w+?\.(\w+?)_(?=\")")
"""The framework's name for a page of something."""

_CHAPTERS = (access, accounts, administration, catalog, common, libraries, playlists, server, sync, trash, uploads)
_SHAPES: Mapping[str, type] = {
    **{one.__name__: one for one in (Permission, Role)},
    **{
        name: shape
        for module in _CHAPTERS
        for name, shape in vars(module).items()
        if inspect.isclass(shape) and issubclass(shape, Struct)
    },
}

_SECURITY: Mapping[Policy, Sequence[Mapping[str, Sequence[str]]]] = {
    Policy.ANYONE: [],
    Policy.SIGNED_IN: [{"bearer": []}],
    Policy.SIGNED_IN_OR_LOCAL: [{"bearer": []}, {}],
    Policy.ADMIN: [{"bearer": []}],
}

_PROBLEM = {
    "type": "object",
    "description": "A failure (RFC 9457); `code` is the stable word to branch on.",
    "required": ["type", "title", "status", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "Always about:blank."},
        "title": {"type": "string", "description": "One sentence."},
        "status": {"type": "integer", "description": "The status of the answer."},
        "code": {"type": "string", "description": "A stable snake_case word."},
        "request_id": {"type": "string", "description": "Under which the log has more."},
    },
}
_FAILURE = {
    "description": "A failure.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document(router: Router) -> bytes:
    """Return the OpenAPI document of these routes as JSON."""
    config = OpenAPIConfig(
        title="Tutti",
        version=__version__,
        description="Your music, on every device you own. Errors are problem details (RFC 9457) with a stable `code`.",
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        operation_id_creator=lambda handler, _method, _path: str(handler.handler_name),
        use_handler_docstrings=True,
        path=None,
    )
    app = Litestar(route_handlers=[router], openapi_config=config)
    schema = app.openapi_schema.to_schema()
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format in schema["paths"]:
            _finish(schema["paths"][route.path_format], route)
    schema["paths"][STREAM_PATH] = describe_stream()
    for operation in schema["paths"][STREAM_PATH].values():
        operation["responses"]["default"] = _FAILURE
        for status in ("412", "416"):
            operation["responses"][status]["content"] = _FAILURE["content"]
    for name, shape in schema["components"]["schemas"].items():
        shape["description"] = inspect.getdoc(_SHAPES[name.partition("_")[0]])
    schema["components"]["schemas"]["Problem"] = _PROBLEM
    text = json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False)
    return _GENERIC.sub(r"\1Listing", text).encode() + b"\n"


_BODIES: Mapping[str, Mapping[str, Any]] = {
    "application/octet-stream": {"type": "string", "format": "binary"},
    "application/offset+octet-stream": {"type": "string", "format": "binary"},
    "multipart/form-data": {
        "type": "object",
        "properties": {"library": {"type": "string", "format": "uuid"}, "file": {"type": "string", "format": "binary"}},
    },
}
"""Bodies that are streamed, so no Struct describes them."""


def _finish(path: Mapping[str, Any], route: HTTPRoute) -> None:
    """Say of each operation who may call it, what it takes and how it fails."""
    for handler in route.route_handlers:
        for method in handler.http_methods:
            operation = path.get(method.lower())
            if operation is None:
                continue
            policy: Policy = handler.opt["policy"]
            operation["x-policy"] = policy.value
            operation["security"] = _SECURITY[policy]
            operation["responses"].pop("400", None)
            operation["responses"]["default"] = _FAILURE
            if body := handler.opt.get("body"):
                operation["requestBody"] = {"content": {body: {"schema": _BODIES[body]}}}
