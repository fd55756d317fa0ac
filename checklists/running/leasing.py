"""A Lease that keeps a second operator out wherever they are, and tells them how far the run is.

It is renewed in a thread of its own: a slow API server must never keep the run, and above all its way back,
waiting. Where Leases are forbidden the locks on this machine are all there is, and that is said.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...cluster.client.write import Lease, acquire_lease, list_leases, release_lease, renew_lease
from ...cluster.errors import ApiError, UserError, told
from ...cluster.text import clean
from ..machine.view import RunView
from ..plans.model import Plan
from .holding import HeldElsewhereError, Holder, HostLocks, overlapping
from .progress import annotations_of, holder_from, progress_of

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection

_log = logging.getLogger(__name__)

DURATION_S = 60
EVERY_S = 15.0
LABELS = {"app.kubernetes.io/managed-by": "pointsman"}
SELECTOR = "app.kubernetes.io/managed-by=pointsman"
_EVERY_WHILE_IT_MATTERS_S = 5.0
_AGAIN_S = 5.0
_TIMEOUT_S = 5.0
_LIVELY = ("switch", "watch", "rollback", "drain")


@dataclass(frozen=True, slots=True)
class Holding:
    """Whether the run alone acts on its hosts. ``detail`` says how it is known, or why it is not so."""

    held: bool
    detail: str


def lease_name(hosts: tuple[str, ...]) -> str:
    """``pointsman-`` and a digest of the sorted hosts."""
    return "pointsman-" + hashlib.sha256("\n".join(sorted(hosts)).encode()).hexdigest()[:16]


class LeaseKeeper:
    """Takes the Lease of a run's hosts, renews it, publishes progress in it, and notices its loss."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        holder: Holder,
        *,
        duration_s: int = DURATION_S,
        every_s: float = EVERY_S,
        elapsed: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.where = f"{namespace}/{lease_name(holder.hosts)}"
        self._connection = connection
        self._namespace = namespace
        self._holder = holder
        self._identity = f"{holder.operator}/{holder.run_id}"
        self._duration_s, self._every_s, self._elapsed, self._wall = duration_s, every_s, elapsed, wall
        self._lease: Lease | None = None
        self._renewed_at, self._renewed_wall = 0.0, 0.0
        self._trouble = ""
        self._unseen = ""
        self._holding = Holding(False, f"it is not known yet whether somebody else holds Lease {self.where}")
        self._alone = False
        self._view: RunView | None = None
        self._wake = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._work, name=f"lease {self.where}", daemon=True)

    def begin(self) -> None:
        """Try once here, then go on in the background. Raises HeldElsewhereError."""
        self._turn()
        if self._lease is not None and not self._lease.mine:
            holder = holder_from(self._lease.annotations, self.where) or Holder(where=self.where)
            raise HeldElsewhereError(overlapping(self._holder.hosts, holder.hosts) or self.hosts[0], holder)
        self._thread.start()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are held."""
        return self._holder.hosts

    def holding(self) -> Holding:
        """How it stands now; a Lease that was not renewed in time may be somebody else's by now."""
        # a machine that was frozen as a whole, and goes on, learns of it by its wall clock alone
        silent = max(self._elapsed() - self._renewed_at, self._wall() - self._renewed_wall)
        if self._holding.held and not self._alone and silent > self._duration_s:
            if not self._trouble:
                self._wake.set()
            why = self._trouble or "no answer"
            return Holding(False, f"Lease {self.where} was not renewed for {self._duration_s} s: {why}")
        return self._holding

    def publish(self, view: RunView) -> None:
        """The newest view: with the next renewal, or at once where the phase changed. Never blocks."""
        before, self._view = self._view, view
        if before is None or (before.phase, before.outcome) != (view.phase, view.outcome):
            self._wake.set()

    def release(self) -> None:
        """Give it up, with the last word on the run, and end the thread."""
        self._over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2 * _TIMEOUT_S)
        lease, self._lease = self._lease, None
        if lease is None or not lease.mine:
            return
        with contextlib.suppress(UserError):
            release_lease(
                self._connection,
                lease,
                self._identity,
                annotations=self._annotations(),
                timeout_s=_TIMEOUT_S,
            )

    def _work(self) -> None:
        while not self._over and not self._alone:
            self._wake.wait(self._pause())
            self._wake.clear()
            if not self._over:
                self._turn()

    def _pause(self) -> float:
        if self._lease is None or not self._lease.mine or self._trouble:
            return min(_AGAIN_S, self._every_s)
        lively = self._view is not None and self._view.phase in _LIVELY
        return min(self._every_s, _EVERY_WHILE_IT_MATTERS_S) if lively else self._every_s

    def _turn(self) -> None:
        try:
            mine = self._lease is not None and self._lease.mine
            if mine:
                self._renew()
            else:
                self._take()
            self._trouble = ""
        except ApiError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a thread that ends in silence would hold nothing, and say so to nobody
            _log.exception("lease %s", self.where)
            self._trouble = clean(told(error))

    def _annotations(self) -> dict[str, str]:
        view = self._view
        return annotations_of(self._holder, progress_of(view) if view is not None else None)

    def _renew(self) -> None:
        assert self._lease is not None
        sent = self._elapsed()
        for _ in range(2):
            before = self._lease
            self._lease = renew_lease(
                self._connection,
                before,
                self._identity,
                annotations=self._annotations(),
                timeout_s=_TIMEOUT_S,
            )
            if not self._lease.mine:
                self._lost(self._lease)
                return
            if self._lease.renewed != before.renewed:
                self._held(sent)
                return
            # somebody else changed the object, and left the holder: once more from what it is now

    def _take(self) -> None:
        sent = self._elapsed()
        lease = acquire_lease(
            self._connection,
            self._namespace,
            self.where.partition("/")[2],
            self._identity,
            self._duration_s,
            labels=LABELS,
            annotations=self._annotations(),
            timeout_s=_TIMEOUT_S,
        )
        if lease.mine:
            # after it was taken, never before: of two that come at once, each sees the other
            other = self._other()
            if other is not None:
                release_lease(self._connection, lease, self._identity, timeout_s=_TIMEOUT_S)
                lease = other
        self._lease = lease
        if lease.mine:
            self._held(sent)
        else:
            self._lost(lease)

    def _other(self) -> Lease | None:
        """A standing Lease of another run that has one of our hosts."""
        try:
            leases = list_leases(
                self._connection, self._namespace, SELECTOR, self._identity, timeout_s=_TIMEOUT_S
            )
        except ApiError as error:
            if error.status != 403:
                raise
            self._unseen = "; Leases may not be listed, so that only the very same hosts are seen"
            return None
        for lease in leases:
            holder = holder_from(lease.annotations, f"{lease.namespace}/{lease.name}")
            if not lease.standing or lease.mine or holder is None:
                continue
            if overlapping(self.hosts, holder.hosts):
                return lease
        return None

    def _held(self, sent: float) -> None:
        # the wall clock after the answer, lest a step of it between counts for ever
        self._renewed_at, self._renewed_wall = sent, self._wall()
        self._holding = Holding(True, f"Lease {self.where} keeps others off these hosts{self._unseen}")

    def _lost(self, lease: Lease) -> None:
        holder = holder_from(lease.annotations, f"{lease.namespace}/{lease.name}") or Holder(
            operator=lease.holder, since=_epoch(lease.acquired), where=f"{lease.namespace}/{lease.name}"
        )
        host = overlapping(self.hosts, holder.hosts) or self.hosts[0]
        self._holding = Holding(False, holder.words(host))

    def _failed(self, error: ApiError) -> None:
        self._trouble = clean(error.what)
        held = self._lease is not None and self._lease.mine
        if held and error.status == 404:
            # somebody deleted it: taken anew at the next turn, which comes soon
            self._lease = None
        elif not held and error.status in (403, 404, 405):
            self._alone = True
            self._lease = None
            self._holding = Holding(
                True,
                f"no Lease can be taken in namespace {self._namespace} ({error.status}):"
                " only the locks on this machine keep a second run off these hosts",
            )
        elif not held:
            why = f"it is not known whether somebody else holds Lease {self.where}: {self._trouble}"
            self._holding = Holding(False, why)


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


@dataclass(slots=True)
class Hold:
    """All that keeps others off a run's hosts."""

    locks: HostLocks
    lease: LeaseKeeper | None = None

    def release(self) -> None:
        """Give everything up."""
        if self.lease is not None:
            self.lease.release()
        self.locks.release()


def take_hold(
    plan: Plan,
    holder: Holder,
    connection: Connection | None,
    *,
    elapsed: Callable[[], float],
    state_dir: Path | None = None,
) -> Hold:
    """Keep others off the plan's hosts: on this machine, and with ``connection`` everywhere.

    Raises HeldElsewhereError where another run has one of them; nothing is held then.
    """
    hold = Hold(HostLocks.take(holder, state_dir))
    if connection is None:
        return hold
    keeper = LeaseKeeper(connection, plan.gateway.namespace, holder, elapsed=elapsed)
    try:
        keeper.begin()
    except BaseException:
        hold.release()
        raise
    hold.lease = keeper
    return hold
