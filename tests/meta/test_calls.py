"""What must hold for every method of gRPC: a policy, a reviewed list of those for anybody, and code that is current."""

import subprocess
from pathlib import Path
from typing import Any

from tutti.domain.errors import ErrorKind
from tutti.doors.astolfo.calls import Policy, Visitors
from tutti.doors.astolfo.codes import CODES
from tutti.doors.astolfo.devices import DeviceService
from tutti.doors.astolfo.server import SERVICES, Service
from tutti.doors.astolfo.services import AuthService, FileService, SyncService

ROOT = Path(__file__).parents[2]
ANONYMOUS = Path(__file__).with_name("anonymous_methods.txt")

NOTHING: Any = None
NOBODY = Visitors(NOTHING, NOTHING, NOTHING)
SERVED: dict[str, Service] = {
    "auth.AuthService": AuthService(NOTHING, NOTHING, NOTHING),
    "file.FileService": FileService(NOBODY, *[NOTHING] * 5),
    "sync.SyncService": SyncService(NOBODY, NOTHING),
    "tutti.v1.SyncService": DeviceService(NOBODY, *[NOTHING] * 7),
}
METHODS = {
    f"/{name}/{method}": answered.policy
    for name, service in SERVED.items()
    for method, answered in service.methods.items()
}


def test_every_method_that_is_described_is_answered_and_says_who_may_call_it() -> None:
    assert set(METHODS) == {f"/{service.full_name}/{one.name}" for service in SERVICES for one in service.methods}
    assert all(isinstance(policy, Policy) for policy in METHODS.values())


def test_methods_for_anybody_are_those_that_were_reviewed() -> None:
    reviewed = {line.split()[0] for line in ANONYMOUS.read_text().splitlines() if line and not line.startswith("#")}

    assert {path for path, policy in METHODS.items() if policy is Policy.ANYONE} == reviewed


def test_every_kind_of_error_has_a_code() -> None:
    assert set(CODES) == set(ErrorKind)


def test_the_code_is_what_the_descriptions_make() -> None:
    done = subprocess.run([ROOT / "scripts" / "proto", "--check"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
