"""`tutti sync`: keeps a folder of this machine in step with a server."""

import gc
import getpass
import os
import platform
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tutti import settings
from tutti.cli import output
from tutti.cli.opening import folder
from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.clock import system_clock

if TYPE_CHECKING:
    from tutti.syncing.looking import Report, Site
    from tutti.syncing.opening import Order

_SHOWN = 50
_POLL_S = 60.0
_NOT_IN_STEP = 1
_USAGE = 2
_INTERRUPTED = 130
_SIGN_IN = frozenset({"bad_server", "bad_key", "several_accounts", "other_account", "no_key"})
_MAY_PASS = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.BUSY, ErrorKind.LIMITED})
_LOCAL = re.compile(r"http://(?:localhost|127\.[0-9.]+|\[::1\])(?::|/|$)")
_WORDS = (
    "forgotten",
    "deleted here and left at the server",
    "moved",
    "set aside",
    "matched",
    "removed here",
    "put into the server's trash",
    "retagged here",
    "retagged there",
    "replaced there",
    "uploaded",
    "replaced here",
    "downloaded",
)
"""What each kind of action did, in their order."""


Path_ = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to keep in step.", parser=folder)]
Server_ = Annotated[str, typer.Option("--server", help="Address of the server, such as https://music.example.org.")]


def sync(
    path: Path_,
    server: Server_,
    *,
    user: Annotated[
        str | None, typer.Option("--user", help="Whose music; the password is asked for once, and a key is kept.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="A file with an app key for listen, upload and sync.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Carry deletions both ways; the server keeps them in its trash.")
    ] = False,
    upload_only: Annotated[bool, typer.Option("--upload-only", help="Change nothing in the folder.")] = False,
    download_only: Annotated[bool, typer.Option("--download-only", help="Change nothing at the server.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and change nothing anywhere.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and keep both in step.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Transfers at once.")] = 8,
    library: Annotated[
        UUID | None, typer.Option(help="Id of the library that new files join; the personal one when left out.")
    ] = None,
    device: Annotated[str, typer.Option(help="What this device is called.")] = "",
    index: Annotated[Path | None, typer.Option(help="Where to remember what was seen, outside of the folder.")] = None,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="First forget what was in step; no music is touched.")
    ] = False,
    as_json: output.JSON = False,
) -> None:
    """Keep a folder in step with a server: both ways, with every version kept when both changed."""
    if (upload_only and download_only) or (dry_run and (watch or start_over)):
        raise typer.BadParameter("these options exclude each other")
    from tutti.syncing.opening import Order  # noqa: PLC0415 - only this command needs an HTTP client
    from tutti.syncing.plan import Wish  # noqa: PLC0415
    from tutti.syncing.server import origin  # noqa: PLC0415

    name = device or platform.node() or "here"
    with _failures(), _stopping() as stop:
        order = Order(
            path,
            origin(server),
            credential="",
            state=settings.user_folders().state,
            wish=Wish(downloads=not upload_only, uploads=not download_only, deletes=delete, device=name, day=_today()),
            device_name=name,
            index=index,
            library=str(library) if library else None,
            parallel=parallel,
            is_rehearsal=dry_run,
            stop=stop,
        )
        with _signed_in(order, user, key_file, from_stdin=password_stdin) as signed:
            status = _run(signed, start_over=start_over, watch=watch, as_json=as_json)
    raise typer.Exit(status)


def _run(order: "Order", *, start_over: bool, watch: bool, as_json: bool) -> int:
    from tutti.syncing import opening  # noqa: PLC0415

    if start_over:
        opening.start_over(order)
    with opening.opened(order) as site:
        if order.is_rehearsal:
            return _rehearse(site, as_json=as_json)
        if watch:
            return _watch(site, as_json=as_json)
        return _print_report(_round(site, as_json=as_json), as_json=as_json)


def _round(site: "Site", *, as_json: bool) -> "Report":
    from tutti.syncing import rounds  # noqa: PLC0415
    from tutti.syncing.looking import Meter, Report  # noqa: PLC0415

    with output.meter(f"Syncing {site.tree.folder.name}", as_json=as_json) as bar:
        meter = Meter(lambda done, total, note: bar.show(done, total, f"{note}, {_amount(meter.moved_bytes)}"))
        wish = replace(site.wish, day=_today())
        # A round makes small things by the hundred thousand and drops them at its end: collecting finds nothing.
        gc.disable()
        try:
            return rounds.run(replace(site, wish=wish, meter=meter, report=Report()))
        finally:
            gc.enable()


def _watch(site: "Site", *, as_json: bool) -> int:
    from tutti.syncing.watching import watching  # noqa: PLC0415

    status, stop = 0, site.server.stop
    with watching(site.tree.folder, site.server, stop) as wakes:
        while not stop.is_set():
            try:
                report = _round(site, as_json=as_json)
            except AppError as error:
                if error.kind not in _MAY_PASS:
                    raise
                sys.stderr.write(f"tutti: {output.visible(error.message)}\n")
            else:
                if report.counts or report.failures:
                    status = _print_report(report, as_json=as_json)
            wakes.wait(_POLL_S)
    return status


def _rehearse(site: "Site", *, as_json: bool) -> int:
    from tutti.syncing import rounds  # noqa: PLC0415

    actions = rounds.rehearse(site)
    if as_json:
        lines = ({"action": one.kind.name.lower(), "path": one.path, "other": one.other} for one in actions)
        output.rows(lines, as_json=True)
        return 0
    for one in actions:
        output.line(f"{one.kind.name.lower().replace('_', ' '):<12} {one.path}{f' -> {one.other}' * bool(one.other)}")
    output.line(f"{len(actions)} things would be done" if actions else "in step: nothing would be done")
    return 0


def _print_report(report: "Report", *, as_json: bool) -> int:
    """Print what a round did and return the exit status."""
    status = _INTERRUPTED if report.is_stopped else _NOT_IN_STEP if report.failures else 0
    counts = {kind.name.lower(): count for kind, count in sorted(report.counts.items())}
    failures = [{"path": one.path, "reason": one.sentence} for one in report.failures]
    if as_json:
        row = {"done": counts, "moved_bytes": report.moved_bytes, "failures": failures, "is_complete": not status}
        output.rows([row], as_json=True)
        return status
    for one in failures[:_SHOWN]:
        output.line(f"not done  {one['path']}: {one['reason']}")
    if len(failures) > _SHOWN:
        output.line(f"          and {len(failures) - _SHOWN} more")
    done = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in sorted(report.counts.items()))
    state = "stopped before the end" if report.is_stopped else "not in step" if failures else "in step"
    output.line(f"{state}: {done or 'nothing to do'}; {_amount(report.moved_bytes)} sent and fetched")
    return status


@contextmanager
def _signed_in(order: "Order", user: str | None, key_file: Path | None, *, from_stdin: bool) -> "Iterator[Order]":
    """Give an order its credential: a key from a file, from the environment, kept before, or made now."""
    from tutti.syncing.keys import KeyFolder, read_key  # noqa: PLC0415
    from tutti.syncing.server import Server  # noqa: PLC0415

    keys = KeyFolder(settings.user_folders().config / "sync")
    given = read_key(key_file) if key_file else str(settings.load().sync.key)
    kept = None if given else keys.find(order.url, user)
    if credential := given or kept:
        try:
            yield replace(order, credential=credential)
        except AppError as error:
            if kept and error.kind is ErrorKind.UNAUTHENTICATED and not order.is_rehearsal:
                keys.drop(order.url, user)
            raise
        return
    if user is None:
        raise AppError(
            ErrorKind.INVALID, "no_key", "Say who you are: --user NAME signs in, --key-file takes an app key."
        )
    if order.url.startswith("http://") and not _LOCAL.match(order.url):
        sys.stderr.write("tutti: the password travels unprotected; https:// would keep it to yourself.\n")
    secret = sys.stdin.readline().rstrip("\n") if from_stdin else getpass.getpass(f"Password of {user}: ")
    server = Server(order.url, stop=order.stop)
    try:
        if order.is_rehearsal:  # which leaves no key behind
            token = server.sign_in(user, secret)
            try:
                yield replace(order, credential=token)
            finally:
                server.sign_out(token)
        else:
            key = server.make_key(user, secret, name=f"tutti sync on {order.device_name}"[:100])
            keys.keep(order.url, user, key)
            yield replace(order, credential=key)
    finally:
        server.close()


@contextmanager
def _stopping() -> "Iterator[Event]":
    """Have the first interrupt end what is under way, and the second one the process, which loses nothing either."""
    stop = Event()

    def ask(*_: object) -> None:
        if stop.is_set():
            os._exit(_INTERRUPTED)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _failures() -> "Iterator[None]":
    """Have a failed sign-in end with status 2, everything else as in every command."""
    from tutti.syncing.server import StoppedError  # noqa: PLC0415

    try:
        yield
    except StoppedError:
        raise typer.Exit(_INTERRUPTED) from None
    except AppError as error:
        if error.kind not in {ErrorKind.UNAUTHENTICATED, ErrorKind.FORBIDDEN} and error.code not in _SIGN_IN:
            raise
        sys.stderr.write(f"tutti: {output.visible(error.message)}\n")
        raise typer.Exit(_USAGE) from error


def _today() -> str:
    return f"{system_clock().astimezone():%Y-%m-%d}"


def _amount(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"  # noqa: PLR2004 - what reads well
