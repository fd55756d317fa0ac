"""What happens in a practice world by itself: a record changes, and a moment later something follows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable

import dns.rdatatype

from .apiserver.storage import Storage
from .controller_view import PRACTICE
from .dns_zone import Zone, ZoneEvent
from .errors import SandboxError
from .scenario import Pace, Trigger

FAULT = f"{PRACTICE}/fault"


class Director:
    """Carries out a scenario's triggers from `start` until `stop`, in the running loop."""

    def __init__(
        self,
        zone: Zone,
        storage: Storage,
        triggers: Iterable[Trigger],
        pace: Pace,
        old_address: str,
        new_address: str,
    ) -> None:
        self._zone = zone
        self._storage = storage
        self._triggers = list(triggers)
        self._pace = pace
        self._sides = {old_address: "old", new_address: "new"}
        self._timers: list[asyncio.TimerHandle] = []
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        self._unsubscribe = self._zone.on_change(self._changed)

    def stop(self) -> None:
        """Nothing follows any more, not even what a change has set off already."""
        if self._unsubscribe:
            self._unsubscribe()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _changed(self, event: ZoneEvent) -> None:
        if event.rdtype != dns.rdatatype.A or event.new is None:
            return
        side, was = self._side(event.new), self._side(event.old)
        for trigger in tuple(self._triggers):
            if trigger.host != event.name.removesuffix("."):
                continue
            moved = bool(trigger.becomes) and side == trigger.becomes and was != side
            low = self._pace.low_ttl
            lowered = trigger.ttl_low and event.new.ttl <= low and (event.old is None or event.old.ttl > low)
            if moved or lowered:
                self._follow(trigger)

    def _side(self, records: object) -> str:
        addresses = {str(record) for record in records or ()}  # type: ignore[attr-defined]
        return self._sides.get(addresses.pop(), "") if len(addresses) == 1 else ""

    def _follow(self, trigger: Trigger) -> None:
        if trigger.once:
            self._triggers.remove(trigger)
        delay = trigger.after_watch * self._pace.watch + trigger.after_old_ttl * self._pace.old_ttl
        self._timers = [timer for timer in self._timers if timer.when() > asyncio.get_running_loop().time()]
        self._timers.append(asyncio.get_running_loop().call_later(delay, self._do, trigger))

    def _do(self, trigger: Trigger) -> None:
        if trigger.fault_on:
            set_fault(self._storage, trigger.fault_on, json.dumps(trigger.fault) if trigger.fault else "")
        if trigger.set_host:
            current = self._zone.get(f"{trigger.set_host}.", "A")
            ttl = current.ttl if current is not None else self._pace.low_ttl
            self._zone.set(f"{trigger.set_host}.", ttl, "A", trigger.set_address)


def set_fault(storage: Storage, reference: str, fault: str) -> None:
    """Write the fault annotation of KIND/NAMESPACE/NAME, as a user could with kubectl; "" removes it.

    An object that somebody deleted meanwhile is left deleted.
    """
    parts = reference.split("/")
    if len(parts) != 3:
        raise SandboxError(f"{reference!r} is not KIND/NAMESPACE/NAME")
    found = storage.get(*parts)
    if found is None:
        return
    annotations = dict(found["metadata"].get("annotations") or {})
    annotations.pop(FAULT, None)
    if fault:
        annotations[FAULT] = fault
    found["metadata"]["annotations"] = annotations
    storage.apply(found)
