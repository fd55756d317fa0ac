"""The journal of a run: append-only JSON lines, each fsynced and chained by hash to the one before.

Only events go in (``events.py``), and they have no place for a key or a token; what looks like one all the
same is refused. A torn last line (power lost in the middle of a write) is set aside; any other damage is an
error that names the line. The holder's lock keeps a second process from going on with the same run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..machine.advance import State, fold
from ..machine.events import Event, RunStarted, event_from_json, event_to_json
from ..machine.state import outcome
from .secrecy import refuse_secrets

STATE_DIR_VARIABLE = "POINTSMAN_STATE_DIR"
FIRST_HASH = hashlib.sha256(b"pointsman journal v1").hexdigest()
_RUN_ID = re.compile(r"^[a-z0-9][a-z0-9-]{2,40}$")
_LARGEST_LINE = 64_000_000


class RunHeldError(UserError):
    """Another process goes on with the run."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: ``number`` counts from 1, ``digest`` chains it to all before."""

    number: int
    event: Event
    digest: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as a list shows it. ``problem`` is why its journal cannot be read, or empty.

    ``campaign`` is what the waves of one plan have in common; ``wave`` counts from 1.
    """

    run_id: str
    path: Path
    started_at: float
    changed_at: float
    plan_name: str = ""
    hosts: tuple[str, ...] = ()
    phase: str = ""
    outcome: str = ""
    unfinished: bool = False
    length: int = 0
    problem: str = ""
    campaign: str = ""
    wave: int = 1
    waves: int = 1


def state_directory(override: Path | None = None) -> Path:
    """Where runs are kept: the argument, else ``POINTSMAN_STATE_DIR``, else the user's state directory."""
    if override is not None:
        return override
    from_environment = os.environ.get(STATE_DIR_VARIABLE)
    return Path(from_environment) if from_environment else platformdirs.user_state_path("pointsman")


def new_run_id() -> str:
    """Eight random hexadecimal digits: short enough to type, and never a path."""
    return secrets.token_hex(4)


class Journal:
    """One run's journal, held (locked) by this object until ``close``."""

    def __init__(self, path: Path, file: BinaryIO, entries: list[Entry], size: int, repaired: str) -> None:
        self.path = path
        self.repaired = repaired
        self._file = file
        self._entries = entries
        self._size = size
        self._broken = False

    @classmethod
    def create(cls, run_id: str, state_dir: Path | None = None) -> Journal:
        """A new, empty journal. UserError: it exists, or the directory cannot be written."""
        path = run_path(run_id, state_dir)
        try:
            _private_directory(path.parent.parent)
            _private_directory(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise UserError(f"{path}: the run exists already", "resume it, or choose another id") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}", _MEND_DIRECTORY) from None
        file = os.fdopen(descriptor, "r+b", buffering=0)
        _lock(file, path)
        _sync_directory(path.parent)
        return cls(path, file, [], 0, "")

    @classmethod
    def open(cls, run_id: str, state_dir: Path | None = None) -> Journal:
        """An existing journal, verified. UserError: unknown run, held by another process, changed line."""
        path = run_path(run_id, state_dir)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise UserError(
                f"no run {run_id} in {path.parent}", "the runs are listed without an id"
            ) from None
        except OSError as error:
            raise UserError(f"{path}: cannot be opened: {error.strerror}", _MEND_DIRECTORY) from None
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            _lock(file, path)
            raw = file.read()
            entries, good = verify_lines(raw, path)
            torn = raw[good:]
            repaired = _set_aside(path, file, torn, good) if torn else ""
        except BaseException:
            file.close()
            raise
        return cls(path, file, entries, good, repaired)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event, oldest first."""
        return tuple(entry.event for entry in self._entries)

    @property
    def head(self) -> str:
        """The hash of the last entry, which seals all before it."""
        return self._entries[-1].digest if self._entries else FIRST_HASH

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, event: Event) -> Entry:
        """Write one event and have it on disk before returning. UserError: the disk refuses, or a secret."""
        plain = event_to_json(event)
        refuse_secrets(plain)
        previous = self._entries[-1].digest if self._entries else FIRST_HASH
        number = len(self._entries) + 1
        digest = chain(previous, number, plain)
        line = canonical({"n": number, "prev": previous, "hash": digest, **plain}) + b"\n"
        if len(line) > _LARGEST_LINE:
            raise UserError(
                f"{self.path}: an event of {len(line)} bytes is too long", "make the plan smaller"
            )
        if not self.intact():
            # what would be written now, no resume would ever see
            raise UserError(f"{self.path}: the journal was moved or changed by somebody", _MEND_GONE)
        try:
            _write_all(self._file, line)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut_back()
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror}",
                # what was done before it stands: an outcome may be what could not be kept
                "nothing more is done; free the disk, then resume",
            ) from None
        self._size += len(line)
        # what is kept is what a reader would get: the fold of the file and the live state cannot drift apart
        entry = Entry(number, event_from_json(json.loads(canonical(plain))), digest)
        self._entries.append(entry)
        return entry

    def _cut_back(self) -> None:
        """A half-written line must not stand before the next one; where it cannot be cut, none comes."""
        try:
            self._file.truncate(self._size)
            self._file.seek(self._size)
        except OSError:
            self._broken = True

    def intact(self) -> bool:
        """True where the file is still what was written: nobody has changed, cut, moved or replaced it."""
        try:
            ours, there = os.fstat(self._file.fileno()), os.stat(self.path)
        except (OSError, ValueError):
            return False
        same = (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
        return same and ours.st_size == self._size and not self._broken

    def close(self) -> None:
        """Give the run free."""
        self._file.close()


_MEND_GONE = "nothing more is done; put it back as it was, then resume"
_MEND_DIRECTORY = f"check its rights, or set {STATE_DIR_VARIABLE}"


def canonical(plain: Any) -> bytes:
    """JSON with sorted keys and no spaces: what is hashed."""
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def chain(previous: str, number: int, plain: dict[str, Any]) -> str:
    """The hash of an entry: of the hash before, and of its own number and content."""
    return hashlib.sha256(previous.encode() + canonical({"n": number, **plain})).hexdigest()


def verify_lines(raw: bytes, path: Path, after: Sequence[Entry] = ()) -> tuple[list[Entry], int]:
    """The entries, and the length of the part that is whole; UserError names the first changed line.

    ``after`` are entries that were verified before, the last one is enough: the chain goes on from it.
    """
    entries: list[Entry] = []
    good = 0
    previous = after[-1].digest if after else FIRST_HASH
    first = after[-1].number + 1 if after else 1
    for number, (line, start) in enumerate(_lines(raw), start=first):
        whole = line.endswith(b"\n")
        plain = _parsed(line)
        last = start + len(line) == len(raw)
        if plain is None or not whole:
            if last and not whole:
                return entries, good
            raise _changed(path, number, "it is not JSON")
        claimed, before, counted = plain.pop("hash", ""), plain.pop("prev", ""), plain.pop("n", 0)
        if counted != number or before != previous or chain(previous, number, plain) != claimed:
            raise _changed(path, number, "its hash does not fit")
        try:
            entries.append(Entry(number, event_from_json(plain), claimed))
        except UserError as error:
            raise _changed(path, number, error.what) from None
        previous = claimed
        good += len(line)
    return entries, good


def read_journal(path: Path) -> tuple[Entry, ...]:
    """A journal's entries without holding it: for reports, lists and those who only look."""
    return tuple(verify_lines(read_bytes(path), path)[0])


def read_bytes(path: Path) -> bytes:
    """A journal's bytes. UserError where they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", "check the path") from None


def list_runs(state_dir: Path | None = None) -> tuple[RunInfo, ...]:
    """Every run, the newest first; one with a broken journal is listed with its problem."""
    directory = state_directory(state_dir) / "runs"
    if not directory.is_dir():
        return ()
    runs = [_info(path) for path in directory.glob("*.jsonl")]
    return tuple(sorted(runs, key=lambda run: run.changed_at, reverse=True))


def latest_unfinished(state_dir: Path | None = None) -> RunInfo | None:
    """The newest run that has changed something and is neither done nor rolled back."""
    return next((run for run in list_runs(state_dir) if run.unfinished), None)


def _info(path: Path) -> RunInfo:
    changed = path.stat().st_mtime
    try:
        entries = read_journal(path)
        state = fold(entry.event for entry in entries)
    except UserError as error:
        return RunInfo(path.stem, path, changed, changed, problem=clean(error))
    first = entries[0].event
    assert isinstance(first, RunStarted)
    return RunInfo(
        run_id=path.stem,
        path=path,
        started_at=first.at,
        changed_at=entries[-1].event.at,
        plan_name=state.plan.name,
        hosts=state.plan.hosts,
        phase=state.phase,
        outcome=outcome(state),
        unfinished=is_unfinished(state),
        length=len(entries),
        campaign=state.campaign,
        wave=state.wave,
        waves=state.waves,
    )


def waves_of(run_id: str, state_dir: Path | None = None) -> tuple[RunInfo, ...]:
    """The runs of a campaign, by its id or that of one of its runs, the first wave first; a run without
    waves alone. UserError where there is no such run."""
    runs = list_runs(state_dir)
    found = next((run for run in runs if run.run_id == run_id), None)
    campaign = found.campaign if found is not None else run_id
    if found is not None and not campaign:
        return (found,)
    waves = sorted((run for run in runs if campaign and run.campaign == campaign), key=lambda run: run.wave)
    if not waves:
        path = run_path(run_id, state_dir)
        raise UserError(f"no run {run_id} in {path.parent}", "`pointsman journal` lists all runs")
    return tuple(waves)


def is_unfinished(state: State) -> bool:
    """True where the world may stand half-changed, or steps are still to come."""
    if state.phase in ("done", "rolled-back"):
        return False
    return state.phase != "stopped-at-gate" or bool(state.lowered or state.switched or state.pending)


def run_path(run_id: str, state_dir: Path | None = None) -> Path:
    """Where the journal of a run is. UserError for what is no run id."""
    if not _RUN_ID.fullmatch(run_id):
        raise UserError(f"not a run id: {clean(run_id, 40)}", "it is letters and digits such as 7f3a90c1")
    return state_directory(state_dir) / "runs" / f"{run_id}.jsonl"


def _private_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunHeldError(
            f"run {path.stem} is held by another Pointsman",
            f"go on there, or watch it with: pointsman follow {path.stem}",
        ) from None


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_aside(path: Path, file: BinaryIO, torn: bytes, good: int) -> str:
    aside = path.with_name(f"{path.name}.torn-{good}-{secrets.token_hex(3)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as kept:
        kept.write(torn)
        kept.flush()
        os.fsync(kept.fileno())
    file.truncate(good)
    file.seek(good)
    os.fsync(file.fileno())
    _sync_directory(path.parent)
    return str(aside)


def _lines(raw: bytes) -> Iterator[tuple[bytes, int]]:
    start = 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        stop = len(raw) if end < 0 else end + 1
        yield raw[start:stop], start
        start = stop


def _parsed(line: bytes) -> dict[str, Any] | None:
    if len(line) > _LARGEST_LINE:
        return None
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _changed(path: Path, number: int, why: str) -> UserError:
    return UserError(
        f"{path}:{number}: the journal was changed: {why}",
        "nothing is done on it; look at the DNS records yourself",
    )
