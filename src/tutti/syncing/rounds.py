"""One round: look at both sides, plan, carry out, remember (ADR 0033).

The index is written by the thread that runs the round, and speaks of files only after they are durable; transfers run
in a pool beside it. Wherever a round is killed, the next one finds out what is so.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from tutti.domain.errors import AppError, ErrorKind
from tutti.syncing.index import Seen, Stat, Told
from tutti.syncing.looking import Report, Sides, Site, in_lanes, keep_step, look
from tutti.syncing.plan import Action, Binding, Kind, plan
from tutti.syncing.server import HASHES_MAX, StoppedError
from tutti.syncing.transfers import Begun, Transfers
from tutti.syncing.tree import ChangedError, part_path

_BATCH = 32
_LASTING = frozenset({ErrorKind.UNSUPPORTED, ErrorKind.INVALID, ErrorKind.TOO_LARGE})
"""Refusals of a file that will be the same the next time."""

_SENDS = frozenset({Kind.UPLOAD, Kind.PUSH, Kind.PUSH_TAGS})
_FETCHES = frozenset({Kind.DOWNLOAD, Kind.PULL, Kind.PULL_TAGS})
_NEVER = Stat(0, 0, 0)
_CHANGED = "It changed meanwhile; the next run looks at it again."


def run(site: Site) -> Report:
    """Bring both sides in step, as far as that can be done.

    Raises:
        AppError: As `Server`, when the server does not tell what it has; CONFLICT `too_much_vanished`.
    """
    sides = None
    with ThreadPoolExecutor(site.parallel, thread_name_prefix="sync") as pool:
        try:
            sides = look(site, pool)
            if sides is not None:
                _Round(site, pool, sides).carry_out(plan(sides.view, site.wish))
        except StoppedError:
            pass
    site.report.is_stopped = site.server.stop.is_set()
    if sides is not None and not (site.report.is_stopped or site.report.failures):
        keep_step(site)
    site.report.moved_bytes = site.meter.moved_bytes
    return site.report


def rehearse(site: Site) -> Sequence[Action]:
    """Return what would be done; only the index learns of it.

    Raises:
        AppError: As `run`.
    """
    with ThreadPoolExecutor(site.parallel, thread_name_prefix="sync") as pool:
        sides = look(site, pool)
        return [] if sides is None else plan(sides.view, site.wish)


class _Done(NamedTuple):
    """An action that was carried out: the file as it is now, the item that it became."""

    action: Action
    stat: Stat | None = None
    item: str = ""


class _Round:
    def __init__(self, site: Site, pool: ThreadPoolExecutor, sides: Sides) -> None:
        self._site = site
        self._pool = pool
        self._seen = dict(sides.seen)
        self._bindings = dict(sides.bindings)
        self._scan = sides.scan
        self._begun: SimpleQueue[Begun] = SimpleQueue()
        self._refused = site.index.refusals()
        self._told: dict[str, Told] = {}
        self._resumed: dict[str, str] = {}
        self._is_lost = False
        self._transfers = Transfers(
            site.server,
            site.tree,
            library=site.library,
            stop=site.server.stop,
            moved=site.meter.move,
            begun=self._begun.put,
        )

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Carry out a plan: first what is remembered, then what is moved, then what travels."""
        steps = [action for action in actions if action.kind > Kind.ADOPT]
        with self._site.index.batch():
            for action in actions:
                if action.kind in {Kind.FORGET, Kind.UNWANT, Kind.MOVE, Kind.ADOPT}:
                    self._remember(action)
        for action in actions:
            if action.kind is Kind.STEP_ASIDE:
                self._step_aside(action)
        steps = self._wanted(steps)
        self._perform(steps)
        if self._site.wish.downloads and not self._site.server.stop.is_set():
            self._drop_parts(steps)

    def _remember(self, action: Action) -> None:
        index = self._site.index
        if action.kind is Kind.FORGET:
            index.unbind(action.item)
        elif action.kind is Kind.UNWANT:
            index.unwant(action.item)
        elif action.kind is Kind.MOVE:
            self._bind(self._bindings[action.item]._replace(path=action.path))
        else:
            remote = index.told(action.item)
            digest = self._seen[action.path].hash
            self._bind(Binding(action.item, action.path, digest, audio_hash=remote.audio_hash if remote else None))
        self._site.report.counts[action.kind] += 1

    def _bind(self, binding: Binding) -> None:
        self._site.index.bind(binding)
        self._bindings[binding.item] = binding

    def _step_aside(self, action: Action) -> None:
        """Rename a file; the index forgets whose it is before, so that a kill in between leaves a file that is new."""
        self._site.index.rename(action.path, action.other)
        try:
            self._site.tree.rename(action.path, action.other)
        except OSError as error:
            self._site.fail(action.path, _reason(error))
        else:
            self._seen[action.other] = self._seen.pop(action.path)
            self._site.report.counts[action.kind] += 1

    def _wanted(self, steps: Sequence[Action]) -> list[Action]:
        """Leave out files that the server has, that it refused before, and second copies of what is sent anyway."""
        index = self._site.index
        sendable = [step for step in steps if step.kind not in _SENDS or not self._is_refused(step)]
        uploads = {self._seen[step.path].hash: step for step in reversed(sendable) if step.kind is Kind.UPLOAD}
        for digest, item in self._held(sorted(uploads)).items():
            if digest in uploads:
                self._apply(_Done(uploads.pop(digest), item=item))
        for digest, step in uploads.items():
            resumed = index.upload_of(step.path, digest)
            if resumed is not None:
                self._resumed[step.path] = resumed
        chosen = set(uploads.values())
        for step in sendable:
            told = index.told(step.item) if step.item else None
            if told is not None:
                self._told[step.item] = told
        return [step for step in sendable if (step in chosen if step.kind is Kind.UPLOAD else step.item in self._told)]

    def _is_refused(self, step: Action) -> bool:
        seen = self._seen.get(step.path)
        digest, sentence = self._refused.get(step.path, ("", ""))
        if seen is not None and seen.hash == digest:
            self._site.fail(step.path, sentence)
            return True
        return seen is None

    def _held(self, hashes: Sequence[str]) -> dict[str, str]:
        held: dict[str, str] = {}
        for start in range(0, len(hashes), HASHES_MAX):
            held |= self._site.server.have(list(hashes[start : start + HASHES_MAX]), self._site.library)
        return held

    def _perform(self, steps: Sequence[Action]) -> None:
        finished: list[_Done] = []
        lanes = in_lanes(self._pool, self._site.parallel, self._attempt, list(steps))
        for count, (step, outcome) in enumerate(lanes, 1):
            if isinstance(outcome, _Done):
                finished.append(outcome)
            elif isinstance(outcome, AppError):
                self._fail(step, outcome)
            elif outcome:
                self._site.fail(step.path, outcome)
            if len(finished) >= _BATCH:
                self._settle(finished)
            self._note_begun()
            self._site.meter.show(count, len(steps), "done")
        self._settle(finished)
        self._note_begun()

    def _attempt(self, step: Action) -> _Done | AppError | str:
        """Carry out one step in a thread of the pool; a text says why it could not be done, an empty one nothing."""
        if self._site.server.stop.is_set():
            return ""
        if self._is_lost:
            return "The server does not answer any more."
        outcome: _Done | AppError | str = ""
        try:
            outcome = self._do(step)
        except StoppedError:
            pass
        except ChangedError:
            outcome = _CHANGED
        except AppError as error:
            if error.code == "server_unreachable":
                self._is_lost = True
            outcome = error
        except OSError as error:
            outcome = _reason(error)
        return outcome

    def _do(self, step: Action) -> _Done:
        path, seen = step.path, self._seen.get(step.path)
        if step.kind is Kind.DOWNLOAD:
            return _Done(step, self._transfers.download(path, self._told[step.item]))
        if step.kind is Kind.TRASH:
            self._site.server.trash(step.item)
            return _Done(step)
        if seen is None:
            raise ChangedError(path)
        if step.kind is Kind.UPLOAD:
            return _Done(step, item=self._transfers.upload(path, seen, self._resumed.get(path)))
        if step.kind is Kind.REMOVE:
            self._site.tree.remove(path, seen)
            return _Done(step)
        told, binding = self._told[step.item], self._bindings[step.item]
        if step.kind in {Kind.PUSH, Kind.PUSH_TAGS}:
            self._transfers.push(path, seen, told, tags_only=step.kind is Kind.PUSH_TAGS)
            return _Done(step)
        tags_only = step.kind is Kind.PULL_TAGS
        return _Done(step, self._transfers.pull(path, told, seen, tags_only=tags_only, keeps=not binding.is_ours))

    def _settle(self, finished: list[_Done]) -> None:
        """Remember what was done, after it is durable."""
        changed = {done.action.path.rpartition("/")[0] for done in finished if done.action.kind in _FETCHES}
        if changed:
            self._site.tree.settle(changed)
        with self._site.index.batch():
            for done in finished:
                self._apply(done)
        finished.clear()

    def _apply(self, done: _Done) -> None:
        index, action = self._site.index, done.action
        kind, path, item = action.kind, action.path, action.item or done.item
        self._site.report.counts[kind] += 1
        if kind is Kind.REMOVE:
            index.unbind(item)
            index.lose([path])
        elif kind is Kind.TRASH:
            index.trashed(item)
            index.lose([path])
        elif kind in _FETCHES:
            told = self._told[item]
            index.see({path: Seen(done.stat or _NEVER, told.hash)})
            self._bind(Binding(item, path, told.hash, is_ours=True, audio_hash=told.audio_hash))
        else:
            self._apply_sent(action, item)

    def _apply_sent(self, action: Action, item: str) -> None:
        index, seen = self._site.index, self._seen[action.path]
        told = index.told(item)
        if action.kind is Kind.UPLOAD:
            index.end_upload(action.path)
            if item in self._bindings and self._bindings[item].path != action.path:
                return  # a copy of a file that is there already
        if told is None:
            folder, _, name = action.path.rpartition("/")
            told = Told(item, "", folder=folder, filename=name)
        audio_hash = told.audio_hash if action.kind is Kind.PUSH_TAGS or told.hash == seen.hash else None
        index.hear([told._replace(hash=seen.hash, size=seen.stat.size, audio_hash=audio_hash, is_gone=False)])
        self._bind(Binding(item, action.path, seen.hash, audio_hash=audio_hash))

    def _fail(self, step: Action, error: AppError) -> None:
        self._site.fail(step.path, error.message)
        seen = self._seen.get(step.path)
        if step.kind in _SENDS and seen is not None and error.kind in _LASTING:
            self._site.index.refuse(step.path, seen.hash, error.message)
        elif step.kind is Kind.TRASH and error.code in {"read_only_origin", "track_not_found"}:
            self._site.index.unwant(step.item)

    def _note_begun(self) -> None:
        while True:
            try:
                begun = self._begun.get_nowait()
            except Empty:
                return
            self._site.index.begin_upload(*begun)

    def _drop_parts(self, steps: Sequence[Action]) -> None:
        """Delete downloads that were begun and that nobody wants any more."""
        waiting = {
            part_path(step.path, step.item, self._told[step.item].hash) for step in steps if step.kind in _FETCHES
        }
        for part in set(self._scan.parts) - waiting:
            try:
                self._site.tree.drop_part(part)
            except OSError as error:
                self._site.fail(part, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return "Something else has this name."
    return f"{(error.strerror or 'it does not work').capitalize()}."
