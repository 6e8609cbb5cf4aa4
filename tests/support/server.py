"""The real program in processes of its own: served on a free port, or run as one command.

What a process does counts for coverage like everything else, and nothing of its environment comes from the person who
runs the tests, save the search path.
"""

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from support import forked

ROOT = Path(__file__).parents[2]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak to us, who have no TLS; to read the usual certificates costs each of them 60 ms."""
PROGRAM = (sys.executable, "-m", "tutti")
Process = subprocess.Popen[str] | forked.Forked
_START_S = 60
_STOP_S = 40

_LISTENS = re.compile(r"Tutti listens on (\S+)")
_CLAIM = re.compile(r"/claim\?token=(\S+)")
_CRASH = re.compile(r"request\.crashed|Exception in|Traceback|Warning: ")


def environment(data_dir: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process: our settings, and what it needs to run and to be measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUTTI_")}  # noqa: TID251
    return kept | {"TUTTI_DATA_DIR": str(data_dir), "PYTHONWARNINGS": "default"} | dict(settings or {})


def run(
    data_dir: Path, *args: str | Path, stdin: str = "", settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end."""
    command, env = [str(one) for one in args], environment(data_dir, settings)
    if forked.is_possible(env):
        return forked.command(command, env, stdin=stdin, timeout_s=_START_S)
    return subprocess.run(
        [*PROGRAM, *command],
        input=stdin,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=_START_S,
    )


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that has started once and knows nobody; copies of it spare the first start."""
    data_dir = tmp_path_factory.mktemp("template") / "data"
    done = run(data_dir, "user", "list")
    assert done.returncode == 0, done.stderr
    return data_dir


@pytest.fixture
def data_dir(template: Path, tmp_path: Path) -> Path:
    """Such a folder of one's own."""
    return copied(template, tmp_path)


def copied(template: Path, place: Path) -> Path:
    """Return a copy of the template in a place."""
    return Path(shutil.copytree(template, place / "data"))


def add_user(
    data_dir: Path, name: str, password: str, *options: str, settings: Mapping[str, str] | None = None
) -> None:
    """Make an account by the command line."""
    command = ("user", "add", name, *options, "--password-stdin")
    done = run(data_dir, *command, stdin=f"{password}\n", settings=settings)
    assert done.returncode == 0, done.stderr


class Server:
    """One serving process.

    Attributes:
        url: Where it listens, without a slash at the end.
        claim_token: What it printed, None when it was claimed before.
    """

    def __init__(self, process: Process, data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.log: list[str] = []
        self._said = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.wait_for(_LISTENS)[1]

    @property
    def claim_token(self) -> str | None:
        found = _CLAIM.search("\n".join(self.log))
        return None if found is None else found[1]

    def wait_for(self, pattern: re.Pattern[str] | str) -> re.Match[str]:
        """Wait until a line of the log has the pattern, from the first line on."""
        compiled = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return next(filter(None, map(compiled.search, self.log)), None)

        with self._said:
            self._said.wait_for(lambda: found() or self._is_over, timeout=_START_S)
            match = found()
        assert match is not None, f"no {compiled.pattern!r} in the log:\n" + "\n".join(self.log)
        return match

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as a power switch would."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for its end."""
        status = self.process.wait(_STOP_S)
        self._reader.join(_STOP_S)
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.log.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._is_over = True
            self._said.notify_all()


@contextmanager
def serving(
    data_dir: Path, *, music: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Serve while the block lasts; a server that crashed, or that has logged a crash, fails whoever used it."""
    # Many servers run here at once, and few tests need the ports that phones know.
    wanted = {"TUTTI_HTTP__PORT": "0", "TUTTI_GRPC__PORTS": "", "TUTTI_LOG__FORMAT": "json", **(settings or {})}
    with start(data_dir, *(["--music", str(music)] if music else []), settings=wanted) as process:
        server = Server(process, data_dir)
        try:
            assert httpx2.get(f"{server.url}/health", timeout=_START_S, verify=PLAIN).status_code == httpx2.codes.OK
            yield server
        finally:
            if process.poll() is None:
                server.stop()
        crashes = [line for line in server.log if _CRASH.search(line)]
        assert not crashes, "\n".join(server.log)


@contextmanager
def start(data_dir: Path, *options: str, settings: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Start `tutti serve` and leave no process behind."""
    with _started(["serve", *options], environment(data_dir, settings)) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _started(command: list[str], env: Mapping[str, str]) -> Process:
    if forked.is_possible(env):
        return forked.serving(command, env)
    return subprocess.Popen(
        [*PROGRAM, *command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], object], *, what: str, deadline_s: float = 30, every_s: float = 0.05) -> None:
    """Wait until a condition of another process holds; nobody tells us, so we ask."""
    pause = threading.Event()
    for _ in range(int(deadline_s / every_s)):
        if condition():
            return
        pause.wait(every_s)
    raise AssertionError(f"waited {deadline_s} s in vain until {what}")


def lines(text: str) -> Sequence[str]:
    """Return the lines of an output that hold something."""
    return [line for line in text.splitlines() if line.strip()]
