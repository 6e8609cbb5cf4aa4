"""A real S3 server for tests: OpenStack Swift with its S3 interface, from pip; one for each process of the suite."""

import atexit
import getpass
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from support.server import wait_until
from tutti.backends.blobs_s3 import Bucket, S3Address

ACCESS_KEY, SECRET_KEY = "test:tester", "testing-secret"
_TRIES = 3
_STORES = ("account", "container", "object")
_FILTERS: Mapping[str, str] = {
    "catch_errors": "",
    "listing_formats": "",
    "s3api": "s3_acl = no\nlocation = us-east-1\nmin_segment_size = 5242880\n",
    "tempauth": f"user_test_tester = {SECRET_KEY} .admin\n",
    "bulk": "",
    "slo": "",
    "dlo": "",
    "symlink": "",
}
_RUN = (
    # It ends with us, however we end: prctl(PR_SET_PDEATHSIG, SIGKILL).
    "import ctypes, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 9); "
    "import swift.common.utils as utils; utils.SWIFT_CONF_FILE = sys.argv[1]; "
    "from swift.common.wsgi import run_wsgi; sys.exit(run_wsgi(sys.argv[2], sys.argv[3]))"
)
_RINGS = """
import sys
from swift.common.ring import RingBuilder
for name, port in zip(sys.argv[2::2], sys.argv[3::2]):
    ring = RingBuilder(4, 1, 0)
    place = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "disk", "meta": "", **place})
    ring.rebalance()
    ring.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""

_prefixes = count(1)


class S3Server(NamedTuple):
    """Where it listens, host and port, and its processes."""

    address: str
    processes: Sequence[subprocess.Popen[bytes]]

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"


BUCKET = "tutti-tests"


def fresh_prefix() -> str:
    """Return a folder of the bucket that nobody has used yet."""
    return f"p{next(_prefixes)}"


def place(prefix: str, *, endpoint: str | None = None, bucket: str = BUCKET) -> S3Address:
    """Return an address within the server of this process."""
    return S3Address(bucket, prefix, endpoint or server().endpoint, "us-east-1", ACCESS_KEY, SECRET_KEY)


def fresh(*, endpoint: str | None = None) -> S3Address:
    """Return an address in the bucket of the tests where nothing is."""
    _prepare()
    return place(fresh_prefix(), endpoint=endpoint)


@cache
def _prepare() -> None:
    Bucket(place("")).prepare()


def settings(address: S3Address) -> dict[str, str]:
    """Return the environment of a program that keeps its blobs there."""
    return {
        "TUTTI_BLOBS__URL": f"s3://{address.bucket}/{address.prefix}",
        "TUTTI_BLOBS__ENDPOINT": address.endpoint,
        "TUTTI_BLOBS__REGION": "us-east-1",
        "TUTTI_BLOBS__ACCESS_KEY": ACCESS_KEY,
        "TUTTI_BLOBS__SECRET_KEY": SECRET_KEY,
    }


@cache
def server() -> S3Server:
    """Return the server of this process, started when it is asked for first."""
    home = Path(mkdtemp(prefix="tutti-swift-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for number in range(_TRIES):  # a port that is free now may be taken a moment later
        with suppress(AssertionError):
            return start(home / str(number))
    raise AssertionError(f"no S3 server could be started in {home}")


def start(home: Path) -> S3Server:
    """Start a server over a folder of its own; it ends with this process."""
    home.joinpath("node", "disk").mkdir(parents=True)
    proxy, *ports = _free_ports(1 + len(_STORES))
    _configure(home, proxy, dict(zip(_STORES, ports, strict=True)))
    processes = []
    for name in (*_STORES, "proxy"):
        with home.joinpath(f"{name}.log").open("wb") as log:
            command = [sys.executable, "-W", "ignore", "-c", _RUN, str(home / "swift.conf"), str(home / f"{name}.conf")]
            processes.append(subprocess.Popen([*command, f"{name}-server"], stdout=log, stderr=subprocess.STDOUT))
    atexit.register(_stop, processes)
    try:
        wait_until(
            lambda: all(_answers(port) for port in (proxy, *ports)) or any(one.poll() is not None for one in processes),
            what="Swift listens",
            deadline_s=60,
        )
        assert all(one.poll() is None for one in processes), _said(home)
    except AssertionError:
        _stop(processes)
        raise
    return S3Server(f"127.0.0.1:{proxy}", processes)


def _configure(home: Path, proxy: int, ports: Mapping[str, int]) -> None:
    policy = "[storage-policy:0]\nname = default\ndefault = yes\n"
    hashes = "[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n"
    home.joinpath("swift.conf").write_text(hashes + policy)
    named = [word for name, port in ports.items() for word in (name, str(port))]
    subprocess.run([sys.executable, "-W", "ignore", "-c", _RINGS, str(home), *named], check=True, timeout=60)
    for name, port in ports.items():
        server = f"devices = {home}/node\nmount_check = false\n" + _application(name, name)
        home.joinpath(f"{name}.conf").write_text(_default(home, port) + server)
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{options}" for name, options in _FILTERS.items())
    application = _application(" ".join((*_FILTERS, "proxy-server")), "proxy", section="proxy-server")
    autocreate = "account_autocreate = true\nallow_account_management = true\n"
    home.joinpath("proxy.conf").write_text(_default(home, proxy) + application + autocreate + filters)


def _default(home: Path, port: int) -> str:
    address = f"bind_ip = 127.0.0.1\nbind_port = {port}\n"
    return (
        f"[DEFAULT]\n{address}workers = 0\nuser = {getpass.getuser()}\nswift_dir = {home}\nlog_address = /nonexistent\n"
    )


def _application(pipeline: str, name: str, *, section: str = "") -> str:
    section = section or f"{name}-server"
    pipeline = pipeline if " " in pipeline else section
    return f"[pipeline:main]\npipeline = {pipeline}\n[app:{section}]\nuse = egg:swift#{name}\n"


def _free_ports(wanted: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(wanted)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def _said(home: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(home.glob("*.log")))


def main() -> None:
    """Be a server for a bench: `python -m support.s3 FOLDER` says where and serves until it is ended."""
    found = start(Path(sys.argv[1]))
    said = {
        "bucket": BUCKET,
        "endpoint": found.endpoint,
        "region": "us-east-1",
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }
    sys.stderr.write(json.dumps(said) + "\n")
    sys.stderr.flush()
    signal.pause()


if __name__ == "__main__":
    main()
