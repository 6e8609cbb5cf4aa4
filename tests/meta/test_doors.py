"""What must hold for every door: a complete table of errors, a policy on every route, a current description."""

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Router
from litestar.routes import HTTPRoute

import tutti.doors
from support.routes import DOCUMENT, document
from tutti.domain.errors import ErrorKind
from tutti.doors.astolfo import rest
from tutti.doors.http.requests import Policy
from tutti.doors.native.door import router
from tutti.wiring.documents import openapi_document

DOORS = sorted({module.name for module in pkgutil.iter_modules(tutti.doors.__path__)} - {"http"})
ANONYMOUS = Path(__file__).with_name("anonymous_routes.txt")


def handlers(*routers: Router) -> dict[str, dict[str, Any]]:
    """Return every route of the framework with what it declares."""
    app = Litestar(route_handlers=routers, openapi_config=None)
    return {
        f"{method} {route.path_format}": dict(handler.opt)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    }


NATIVE = dict(sorted(handlers(router(None)).items()))  # every worker must collect in one order
HANDLERS = NATIVE | dict(sorted(handlers(rest.router(None)).items()))


@pytest.mark.parametrize("door", DOORS)
def test_every_kind_of_error_has_a_status(door: str) -> None:
    statuses = importlib.import_module(f"tutti.doors.{door}.errors").STATUSES

    assert set(statuses) == set(ErrorKind)
    assert all(400 <= status < 600 for status in statuses.values())


@pytest.mark.parametrize("route", HANDLERS)
def test_every_route_says_who_may_call_it(route: str) -> None:
    assert isinstance(HANDLERS[route].get("policy"), Policy)


def test_routes_for_anybody_are_those_that_were_reviewed() -> None:
    lines = ANONYMOUS.read_text().splitlines()
    reviewed = {" ".join(line.split()[:2]) for line in lines if line and not line.startswith("#")}

    assert {route for route, opt in HANDLERS.items() if opt["policy"] is Policy.ANYONE} == reviewed


@pytest.mark.parametrize("route", NATIVE)
def test_every_route_is_in_the_document_or_hidden_on_purpose(route: str) -> None:
    method, path = route.split()
    hidden = {"GET /", "GET /api/v1/openapi.json", "GET /claim", "POST /claim"}

    assert (method.lower() in document()["paths"].get(path, {})) != (route in hidden)


def test_the_document_is_the_one_the_code_makes() -> None:
    assert DOCUMENT.read_bytes() == openapi_document(), "run scripts/docs"


@pytest.mark.parametrize("path", document()["paths"])
def test_every_operation_is_described(path: str) -> None:
    for operation in document()["paths"][path].values():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert operation["responses"]["default"]
        assert operation["operationId"]


@pytest.mark.parametrize("schema", document()["components"]["schemas"])
def test_every_schema_is_described(schema: str) -> None:
    assert document()["components"]["schemas"][schema]["description"].endswith(".")


def test_no_two_operations_have_one_id() -> None:
    ids = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", document()["paths"])
def test_every_text_that_comes_in_has_a_longest_length(path: str) -> None:
    """What nobody bounds can fill a disk or a log (reliability.md J7)."""
    for operation in document()["paths"][path].values():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert bounded(parameter["schema"]), parameter["name"]
        for media in operation.get("requestBody", {}).get("content", {}).values():
            reference = media["schema"].get("$ref", "").rpartition("/")[2]
            body = document()["components"]["schemas"][reference] if reference else media["schema"]
            assert all(map(bounded, body.get("properties", {"": body}).values()))


def bounded(schema: dict[str, Any]) -> bool:
    """Return whether no text of any length passes."""
    if "oneOf" in schema:
        return "maxLength" in schema or all(map(bounded, schema["oneOf"]))
    return schema["type"] != "string" or "maxLength" in schema or "format" in schema or "enum" in schema


def test_handlers_do_what_handlers_do_and_no_more() -> None:
    """A door decides nothing: its handlers are short."""
    chapters = (
        "account",
        "administration",
        "catalog",
        "events",
        "identity",
        "libraries",
        "system",
        "trash",
        "uploads",
        "users",
    )
    native = [route for one in chapters for route in importlib.import_module(f"tutti.doors.native.{one}").routes]
    for route in (*native, *rest.ROUTES):
        lines = inspect.getsource(route.fn).splitlines()
        body = lines[next(index for index, line in enumerate(lines) if '"""' in line) :]
        assert len(body) <= 20, route.fn.__name__
