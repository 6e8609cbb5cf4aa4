"""Opens what a run needs: the folder with its lock, the index, the server, and the name of this device."""

import fcntl
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.ids import random_uuid
from tutti.syncing.index import Index
from tutti.syncing.looking import Site
from tutti.syncing.plan import Wish
from tutti.syncing.server import Server
from tutti.syncing.tree import Tree


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asked for.

    Attributes:
        folder: What is kept in step.
        url: The server's address.
        credential: An app key or an access token.
        state: Where indexes are kept.
        index: A place for this index, instead of one below `state`.
        device_name: What this device is called.
        is_rehearsal: Nothing is changed anywhere: not the folder, not the index, not the server.
    """

    folder: Path
    url: str
    credential: str = field(repr=False)
    state: Path
    wish: Wish
    device_name: str
    index: Path | None = None
    library: str | None = None
    parallel: int = 8
    is_rehearsal: bool = False
    stop: Event = field(default_factory=Event)


@contextmanager
def opened(order: Order) -> Iterator[Site]:
    """Open a site while the block lasts.

    Raises:
        AppError: NOT_FOUND `folder_not_found`; CONFLICT `sync_running`, `other_account`; UNAVAILABLE
            `index_unreadable`; as `Server`.
    """
    with ExitStack() as stack:
        tree = Tree(order.folder)
        stack.callback(tree.close)
        if not order.is_rehearsal:
            _lock(tree)
        index = stack.enter_context(_index(order))
        server = Server(order.url, order.credential, connections=order.parallel, stop=order.stop)
        stack.callback(server.close)
        _confirm_account(index, server, order.credential)
        device = index.fact("device")
        if not order.is_rehearsal:
            device = _registered(index, server, order.device_name)
        yield Site(
            tree,
            index,
            server,
            order.wish,
            device=device,
            device_name="" if order.is_rehearsal else order.device_name,
            library=order.library,
            parallel=order.parallel,
        )


def index_path(order: Order) -> Path:
    """Return where the index of a folder and a server is."""
    if order.index is not None:
        return order.index
    name = hashlib.sha256(f"{order.folder.resolve()}\0{order.url}".encode("utf-8", "surrogateescape")).hexdigest()
    return order.state / "sync" / f"{name[:32]}.db"


def start_over(order: Order) -> None:
    """Forget what is known of a folder and a server; no file of music is touched.

    Raises:
        AppError: CONFLICT `sync_running`; NOT_FOUND `folder_not_found`.
    """
    tree = Tree(order.folder)
    try:
        _lock(tree)
        path = index_path(order)
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    finally:
        tree.close()


def _lock(tree: Tree) -> None:
    """Lock the folder itself: two runs are kept apart whatever server and account they are for."""
    try:
        fcntl.flock(tree.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        sentence = f"{tree.folder} is being kept in step by another run."
        raise AppError(ErrorKind.CONFLICT, "sync_running", sentence) from error


@contextmanager
def _index(order: Order) -> Iterator[Index]:
    """Open the index; a rehearsal gets a copy that is thrown away."""
    path = index_path(order)
    with tempfile.TemporaryDirectory(prefix="tutti-sync-") as scratch:
        if order.is_rehearsal:
            for ending in ("", "-wal"):
                if path.with_name(path.name + ending).exists():
                    shutil.copyfile(path.with_name(path.name + ending), Path(scratch) / f"index.db{ending}")
            path = Path(scratch) / "index.db"
        index = Index.open(path)
        try:
            yield index
        except sqlite3.DatabaseError as error:
            sentence = f"The index {path} cannot be used: {error}. --start-over makes a new one."
            raise AppError(ErrorKind.UNAVAILABLE, "index_unreadable", sentence) from error
        finally:
            index.close()


def _confirm_account(index: Index, server: Server, credential: str) -> None:
    """See that the folder is kept in step with the account that it was; asked only for a credential that is new."""
    mark = hashlib.sha256(credential.encode()).hexdigest()[:16]
    if index.fact("credential") == mark:
        return
    account = str(server.account())
    if index.fact("account") not in {"", account}:
        sentence = "This folder is in step with another account of this server; --start-over forgets that."
        raise AppError(ErrorKind.CONFLICT, "other_account", sentence)
    with index.batch():
        index.note("account", account)
        index.note("credential", mark)


def _registered(index: Index, server: Server, name: str) -> str:
    """Return the id of this device, which the server knows."""
    device = index.fact("device")
    if not device:
        device = str(random_uuid())
        index.note("device", device)
    if index.fact("device_name") != name:
        server.register(device, name)
        index.note("device_name", name)
    return device
