"""P3, P4 and A3: what signing in does to the others, what a known token costs, and how fast small answers are."""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, cast
from uuid import uuid4

from bench.clients import Target, ask
from bench.compare import latency, on_this_machine, report_latency, say, verdict
from bench.processes import PASSWORD, Tutti, folder, run, settle, tutti
from tutti.domain.caller import Caller, Role
from tutti.domain.values import UserId
from tutti.doors.http.access import Gate
from tutti.services.accounts import Access

_LOGINS = 20
_CHECKS = 200_000


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with on_this_machine(), folder("access") as place:
        _check()
        run(place, "user", "add", "bench", "--password-stdin", stdin=f"{PASSWORD}\n")
        with tutti(place) as server:
            _small(server)
            for _ in range(min(args.rounds, 3)):
                _logins(server)


def _check() -> None:
    """P4: the gate finds the caller of a token it has seen."""
    gate = Gate(cast("Any", None), cast("Any", None), lambda: datetime.now(UTC))
    caller = Caller(UserId(1), uuid4(), "bench", frozenset({Role.USER}))
    token = "x" * 700
    gate.remember(token, Access(caller, datetime.now(UTC) + timedelta(hours=1)), gate.generation)
    began = time.perf_counter()
    for _ in range(_CHECKS):
        gate.remembered(token)
    microseconds = (time.perf_counter() - began) / _CHECKS * 1e6
    say(f"{'P4 known token':<22} {'tutti':<18} {microseconds:.2f} us  goal 5 {verdict(met=microseconds <= 5)}")


def _small(server: Tutti) -> None:
    """A3: ping and one account, on four connections, one after the other."""
    for path in ("/health", "/api/v1/me"):
        settle()
        seen = ask(Target(server.address, path, 0, 0, 4, 3, server.fields))
        p50, p95, p99, greatest = seen.latencies_ms
        say(
            f"{f'A3 {path}':<22} {'tutti':<18} p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {greatest:.1f} ms  of "
            f"{seen.requests}  wrong {seen.wrong}  goal p95 5 {verdict(met=p95 <= 5, wrong=seen.wrong)}"
        )


def _logins(server: Tutti) -> None:
    """P3: twenty people sign in at once; what somebody else waits for the smallest answer meanwhile."""
    settle()
    done, waited = Event(), list[float]()

    def ping() -> None:
        while not done.is_set():
            began = time.perf_counter()
            server.call("/health")
            waited.append(time.perf_counter() - began)
            time.sleep(0.002)

    with ThreadPoolExecutor(_LOGINS + 1) as pool:
        pinging = pool.submit(ping)
        began = time.perf_counter()
        logins = [pool.submit(_login, server) for _ in range(_LOGINS)]
        wrong = sum(not one.result() for one in logins)
        seconds = time.perf_counter() - began
        done.set()
        pinging.result()
    report_latency(f"P3 beside {_LOGINS} logins", "tutti", latency(waited), goal_ms=10, wrong=wrong)
    say(f"{'P3 all signed in':<22} {'tutti':<18} {seconds:.2f} s")


def _login(server: Tutti) -> bool:
    return "access_token" in server.call("/api/v1/auth/login", {"username": "bench", "password": PASSWORD})


if __name__ == "__main__":
    main()
