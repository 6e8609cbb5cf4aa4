"""The guides in the documents speak of what there is."""

import pytest

from support.server import ROOT
from tutti.doors.astolfo import rest
from tutti.doors.astolfo.gen import auth_pb2, file_pb2, sync_pb2

GUIDE = (ROOT / "docs" / "migration" / "astolfo.md").read_text()
OLD = [f"{method} /api{path}" for route in rest.ROUTES for method in route.http_methods for path in route.paths]
NEW = [
    f"{service.full_name}/{method.name}"
    for file in (auth_pb2, file_pb2, sync_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@pytest.mark.parametrize("call", sorted([*OLD, *NEW]))
def test_the_guide_tells_what_becomes_of_each_call(call: str) -> None:
    assert call.replace("{track:str}", "{id}") in GUIDE
