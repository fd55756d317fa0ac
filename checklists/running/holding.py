"""One run a host: a lock for each host in the state directory, and who it is that holds it.

The lock is the file's (flock), so that it ends with its process, however that ends; what the file says is
only for those who find it locked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...cluster.typed import convert
from ..journal.file import STATE_DIR_VARIABLE, state_directory
from ..machine.words import clock_time

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who acts on a host: ``operator`` is user@machine, ``since`` seconds since the epoch, ``pid`` of theirs.

    ``where`` says what tells so: nothing for a lock on this machine, else the Lease.
    """

    run_id: str = ""
    operator: str = ""
    plan: str = ""
    hosts: tuple[str, ...] = ()
    since: float = 0.0
    pid: int = 0
    where: str = ""

    def words(self, host: str) -> str:
        """Who holds ``host`` since when, in one line."""
        who = clean(self.operator, 120) or "another Pointsman"
        process = f", process {self.pid}" if self.pid else ""
        run = (
            f" (run {clean(self.run_id, 40)} of plan {clean(self.plan, 80)}{process})" if self.run_id else ""
        )
        since = f" since {clock_time(self.since)}" if self.since else ""
        lease = f", by the Lease {clean(self.where, 200)}" if self.where else ""
        return f"{clean(host, 255)} is in the hands of {who}{run if self.run_id else ''}{since}{lease}"


class HeldElsewhereError(UserError):
    """Another run acts on one of the hosts: nothing was begun."""

    def __init__(self, host: str, holder: Holder) -> None:
        see = f"--host {clean(host, 255)}" if holder.where or not holder.run_id else clean(holder.run_id, 40)
        super().__init__(holder.words(host), f"watch it with: pointsman follow {see}")
        self.host = host
        self.holder = holder


class HostLocks:
    """The locks of a run's hosts, until ``release``."""

    def __init__(self, descriptors: list[int]) -> None:
        self._descriptors = descriptors

    @classmethod
    def take(cls, holder: Holder, state_dir: Path | None = None) -> HostLocks:
        """Lock every host, or none. Raises HeldElsewhereError; UserError where files cannot be locked."""
        directory = state_directory(state_dir) / "hosts"
        taken = cls([])
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for host in sorted(holder.hosts):
                taken._descriptors.append(_lock(directory / _file_name(host), host, holder))
        except OSError as error:
            taken.release()
            raise UserError(
                f"{directory}: the hosts cannot be locked: {error.strerror}",
                f"check its rights and its disk, or set {STATE_DIR_VARIABLE}",
            ) from None
        except UserError:
            taken.release()
            raise
        return taken

    def release(self) -> None:
        """Give the hosts free."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _file_name(host: str) -> str:
    # a host's name may be longer than a file's, and hold what a file's may not
    return hashlib.sha256(host.encode()).hexdigest()[:32] + ".lock"


def _lock(path: Path, host: str, holder: Holder) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder), 0)
    except BlockingIOError:
        there = _holder(os.pread(descriptor, 100_000, 0))
        os.close(descriptor)
        raise HeldElsewhereError(host, there) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _holder(raw: bytes) -> Holder:
    # locked, and its first word not written yet: somebody holds it all the same
    try:
        return convert(msgspec.json.decode(raw), Holder)
    except (msgspec.DecodeError, msgspec.ValidationError, UserError):
        return Holder()


def operator_name() -> str:
    """``user@machine`` of this process; behind sudo also who called it: ``ana as root@desk``."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid {os.getuid()}"
    caller = os.environ.get("SUDO_USER", "")
    if caller and caller != user:
        user = f"{caller} as {user}"
    return clean(f"{user}@{socket.gethostname()}", 200)


def signed(event: E, operator: str) -> E:
    """The event with its operator's name, where it has a place for one that is still empty."""
    if getattr(event, "operator", None) != "":
        return event
    return replace(event, operator=operator)  # type: ignore[type-var]


def overlapping(hosts: Iterable[str], others: Iterable[str]) -> str:
    """A host that both have; empty where there is none."""
    return next(iter(sorted(set(hosts) & set(others))), "")
