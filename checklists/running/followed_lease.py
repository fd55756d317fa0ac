"""A run that goes on somewhere else, looked at through the Lease that its operator publishes progress in."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ...cluster.client.write import Lease, list_leases, read_lease
from ...cluster.errors import ApiError, UserError
from ...cluster.text import clean
from ..machine.view import RunView
from ..machine.words import clock_time, duration
from ..plans.model import DnsPlan, ObjectName, Plan, Side
from .holding import Holder
from .leasing import SELECTOR
from .onlooker import Onlooker
from .progress import Progress, holder_from, progress_from, told_view

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection

EVERY_S = 2.0
_TIMEOUT_S = 5.0


class FollowedLease(Onlooker):
    """Read-only; as new as the last renewal. An API server that does not answer is said, and asked again."""

    def __init__(self, connection: Connection, lease: Lease, every_s: float = EVERY_S) -> None:
        self._connection = connection
        self._lease = lease
        self._where = f"{lease.namespace}/{lease.name}"
        holder, progress = holder_from(lease.annotations, self._where), progress_from(lease.annotations)
        if holder is None or progress is None:
            raise UserError(f"Lease {self._where} says nothing of a run", "it has just been taken: try again")
        self._holder, self._progress = holder, progress
        self._trouble = ""
        super().__init__(self._view(), every_s)

    @classmethod
    def find(cls, connection: Connection, hosts: tuple[str, ...], namespace: str = "") -> FollowedLease:
        """The newest run with one of ``hosts``. UserError: none, or Leases may not be listed."""
        try:
            leases = list_leases(connection, namespace, SELECTOR, timeout_s=_TIMEOUT_S)
        except ApiError as error:
            if namespace or error.status != 403:
                raise
            raise UserError(
                error.what, "name the Gateway's namespace with -n: Leases were asked for in all"
            ) from None
        found = [lease for lease in leases if _has(lease, hosts)]
        if not found:
            names = clean(", ".join(hosts), 200)
            raise UserError(
                f"no Lease tells of a cutover of {names}",
                "ask its operator; a run without --write publishes nothing",
            )
        # those that somebody holds before those that were given up, the newest first
        lease = max(found, key=lambda lease: (lease.standing, lease.renewed))
        run = cls(connection, lease)
        run.start()
        return run

    @property
    def plan(self) -> Plan:
        """What is known of the plan: its name and its hosts."""
        watch = self._progress.watch
        old, new = (watch.old.address, watch.new.address) if watch is not None else ("", "")
        gateway = ObjectName(self._lease.namespace, "")
        dns = DnsPlan("show", "", (), 0)
        return Plan(self._holder.plan, self._holder.hosts, gateway, Side(old), Side(new), (), dns)

    @property
    def worked_on(self) -> bool:
        """Whether somebody holds the Lease."""
        return self._lease.standing

    def look(self) -> RunView | None:
        """What the Lease says by now."""
        name = self._lease.name
        try:
            lease = read_lease(self._connection, self._lease.namespace, name, timeout_s=_TIMEOUT_S)
        except ApiError as error:
            if error.status in (403, 404):
                raise UserError(f"Lease {self._where} cannot be read any more: {error.what}") from None
            self._trouble = error.what
            return self._view()
        self._trouble, self._lease = "", lease
        holder, progress = holder_from(lease.annotations, self._where), progress_from(lease.annotations)
        self._holder, self._progress = holder or self._holder, progress or self._progress
        return self._view()

    def _view(self) -> RunView:
        now = time.time()
        who = clean(self._holder.operator, 120) or "somebody else"
        read_only = f"read-only: this run is carried out by {who}, and only followed here"
        progress = self._progress
        view = told_view(self._holder, progress, f"Lease {self._where}", now, read_only)
        problem = self._problem(progress, now)
        return replace(view, message=problem) if problem else view

    def _problem(self, progress: Progress, now: float) -> str:
        if self._trouble:
            return f"old: the API server did not answer: {clean(self._trouble)}"
        if progress.outcome in ("done", "rolled-back"):
            return ""
        if not self._lease.holder:
            return f"its operator has left it; to go on there: pointsman resume {clean(progress.run, 60)}"
        if not self._lease.standing:
            age = duration(max(0.0, now - progress.at))
            return f"old: the Lease ran out; last heard of at {clock_time(progress.at)}, {age} ago"
        return ""


def _has(lease: Lease, hosts: tuple[str, ...]) -> bool:
    holder: Holder | None = holder_from(lease.annotations, "")
    return holder is not None and bool(set(holder.hosts) & set(hosts))
