"""The provider ``octodns``: any provider that octoDNS has, used as a library for exactly one change.

``octodns-sync`` makes a zone equal to a file, and deletes what the file lacks. Here the zone as it is now is
copied, only our sets are replaced in the copy, and the plan that octoDNS makes of it has to be our change and
nothing else. octoDNS compares nothing when it writes: its plan reads the zone once more just before.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..plans.model import OctodnsPlan, Plan
from .base import (
    TYPES,
    Capabilities,
    RecordChange,
    RecordReadError,
    RecordSet,
    RecordsRead,
    WriteOutcome,
    settle,
    words,
)
from .consoles import comments, plain_words
from .flight import Flight, GivenUpError, LateError
from .rfc2136 import DEADLINE_S, read_records
from .values import record_set

OCTODNS_DEADLINE_S = 60.0
_THREADS = "octodns "
_MISSING = "pip install 'pointsman[octodns]'"
T = TypeVar("T")


class Octodns:
    """The provider that the plan names in an octoDNS configuration, which resolves its ``env/`` by itself."""

    capabilities = Capabilities(writes=True, rehearses=True)

    def __init__(self, plan: Plan, deadline_s: float = OCTODNS_DEADLINE_S, *, onlooker: bool = False) -> None:
        """``onlooker``: octoDNS and its configuration are not needed before something is read."""
        chosen = plan.dns.octodns
        if chosen is None:
            raise UserError("dns.octodns is missing", "provider octodns needs {config: FILE, provider: NAME}")
        self._plan = plan
        self._chosen = chosen
        self._deadline_s = deadline_s
        self._made: Any = None if onlooker else _target_of(chosen)
        self._flight: Flight[Any] | None = None

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The hosts' sets as the provider's API has them; types that it does not know, from DNS."""
        wanted = hosts or self._plan.hosts
        sets = await self._reading(lambda _: _sets_of(self._populated(), wanted), "read")
        return RecordsRead(tuple(sorted((*sets, *await self._unmanaged(wanted)))), "", self._name)

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """By what the provider's API has now, once a call of ours that came late has ended."""
        if self._flight is not None and self._flight.under_way:
            raise RecordReadError("octoDNS has not ended the late write yet", "it cannot be called back")
        return settle(change, (await self.read(change.hosts)).sets)

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Populate, compare, copy, replace, plan, assert, apply, read again."""
        if self._flight is not None and self._flight.under_way:
            return WriteOutcome("refused", "nothing was sent: octoDNS has not ended an earlier call yet")
        try:
            unmanaged = await self._unmanaged(change.hosts)
        except UserError as error:
            return WriteOutcome("refused", f"nothing was sent: {error}")
        flight = Flight(lambda mine: self._swap(change, unmanaged, mine), f"{_THREADS}apply")
        self._flight = flight
        try:
            return await flight.land(self._deadline_s)
        except LateError as late:
            said = f"octoDNS did not end within {self._deadline_s:g} s"
            if late.sent:
                return WriteOutcome("unknown", said)
            return WriteOutcome("refused", f"nothing was sent: {said}")
        except Exception as error:  # noqa: BLE001 - providers raise whatever their libraries raise
            if flight.sent:
                return WriteOutcome("unknown", f"octoDNS stopped while it wrote: {_told(error)}")
            return WriteOutcome("refused", f"nothing was sent: {_told(error)}")

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """In words: octodns-sync is never to be run for this."""
        return comments((*plain_words(change), "octodns-sync would delete what its files lack"))

    @property
    def _target(self) -> Any:
        if self._made is None:
            self._made = _target_of(self._chosen)
        return self._made

    @property
    def _name(self) -> str:
        return f"octodns {clean(self._chosen.provider, 60)}"

    async def _reading(self, work: Callable[[Flight[T]], T], what: str) -> T:
        try:
            return await Flight(work, f"{_THREADS}{what}").land(self._deadline_s)
        except LateError:
            raise RecordReadError(
                f"{self._name}: no answer within {self._deadline_s:g} s", "is the provider's API reachable?"
            ) from None
        except RecordReadError:
            raise
        except Exception as error:  # noqa: BLE001 - providers raise whatever their libraries raise
            raise RecordReadError(
                f"{self._name}: {_told(error)}", "see octodns-dump with the same file"
            ) from None

    async def _unmanaged(self, hosts: tuple[str, ...]) -> tuple[RecordSet, ...]:
        unknown = set(TYPES) - set(self._target.SUPPORTS)
        if not unknown:
            return ()
        dns = self._plan.dns
        read = await read_records(dns.authoritative[0], dns.zone, hosts, DEADLINE_S)
        return tuple(item for item in read.sets if item.type in unknown)

    def _populated(self) -> Any:
        from octodns.zone import Zone

        zone = Zone(self._plan.dns.zone, set())
        if self._target.populate(zone, target=True, lenient=True) is False:
            raise RecordReadError(f"{self._name} has no zone {self._plan.dns.zone}", "is dns.zone right?")
        return zone

    def _swap(
        self, change: RecordChange, unmanaged: tuple[RecordSet, ...], flight: Flight[Any]
    ) -> WriteOutcome:
        if getattr(self._target, "apply_disabled", False):
            return WriteOutcome("refused", f"{self._name} has apply_disabled in its configuration")
        zone = self._populated()
        now = tuple(sorted((*_sets_of(zone, change.hosts), *unmanaged)))
        found = settle(change, now)
        if found.kind == "applied":
            return WriteOutcome("applied", "the records are as the change leaves them already", now)
        if found.kind == "precondition-failed":
            return WriteOutcome("precondition-failed", f"{found.detail}; nothing was sent", now)
        plan = self._target.plan(_desired(zone, change))
        strange = _not_ours(plan, change)
        if strange:
            return WriteOutcome(
                "precondition-failed", f"octoDNS would do something else: {strange}; nothing was sent"
            )
        flight.send_now()
        self._target.apply(plan)
        try:
            after = tuple(sorted((*_sets_of(self._populated(), change.hosts), *unmanaged)))
        except Exception as error:  # noqa: BLE001 - it was taken; only the reading failed
            return WriteOutcome(
                "applied", f"{self._name} took it; not read back: {_told(error)}", change.after
            )
        if after != tuple(sorted(change.after)):
            return WriteOutcome("unknown", f"{self._name} took it, but then has {words(after)}", after)
        return WriteOutcome("applied", f"{self._name} took it", after)


def _target_of(chosen: OctodnsPlan) -> Any:
    """The provider, as octoDNS itself makes it. UserError names the file, and never a value in it."""
    if importlib.util.find_spec("octodns") is None:
        raise UserError("dns.provider octodns: octoDNS is not installed", _MISSING)
    file = Path(chosen.config).name
    _keep_off_the_screen()
    try:
        with ThreadPoolExecutor(1, f"{_THREADS}config") as elsewhere:
            providers = elsewhere.submit(_providers_in, chosen.config).result()
    except OSError as error:
        raise UserError(
            f"{chosen.config}: cannot be read: {error.strerror}", "check dns.octodns.config"
        ) from None
    except KeyError as error:
        raise UserError(f"{file}: {clean(error, 60)} is missing", "is it an octoDNS configuration?") from None
    except Exception as error:  # noqa: BLE001 - a provider's class may raise anything
        raise UserError(
            f"{file}: octoDNS cannot use it: {_told(error)}", "try octodns-dump with it"
        ) from None
    target = providers.get(chosen.provider)
    if target is None:
        known = ", ".join(clean(name, 40) for name in sorted(providers))
        raise UserError(f"{file}: no provider {clean(chosen.provider, 60)}", f"it has {known or 'none'}")
    if not hasattr(target, "apply"):
        raise UserError(f"{file}: {clean(chosen.provider, 60)} can only be read", "name a provider")
    return target


def _providers_in(config: str) -> dict[str, Any]:
    from octodns.manager import Manager

    providers: dict[str, Any] = Manager(config).providers
    return providers


class _NotFromOctodns(logging.Filter):
    """Without handlers Python prints warnings of libraries to the terminal, right across the dashboard."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(_THREADS)


_filter = _NotFromOctodns()


def _keep_off_the_screen() -> None:
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_filter)


def _sets_of(zone: Any, hosts: tuple[str, ...]) -> tuple[RecordSet, ...]:
    """The hosts' sets. RecordReadError: a record that answers differently for different people."""
    found = []
    for record in zone.records:
        host = str(record.fqdn).rstrip(".").lower()
        if host not in hosts:
            continue
        kind = str(record._type)
        special = (
            kind == "ALIAS" or "/" in kind or getattr(record, "dynamic", None) or getattr(record, "geo", None)
        )
        if special:
            raise RecordReadError(
                f"{host} is a {clean(kind, 40)} record with more than values (alias, weights, regions)",
                "change it where it was made",
            )
        if kind in TYPES:
            found.append(_set_of(record))
    return tuple(sorted(found))


def _set_of(record: Any) -> RecordSet:
    rrset = record.to_rrset()
    try:
        return record_set(
            str(rrset.name), str(rrset._type), int(rrset.ttl), [str(one) for one in rrset.rdatas]
        )
    except ValueError as error:
        raise RecordReadError(f"octoDNS: {error}", "change it where it was made") from None


def _desired(zone: Any, change: RecordChange) -> Any:
    """The zone with our sets in place of what is there, and everything else as it is."""
    desired = zone.copy()
    for before, after in change.differing:
        item = after or before
        assert item is not None
        existing = desired.get_type(desired.hostname_from_fqdn(f"{item.host}."), item.type)
        if after is None:
            desired.remove_record(existing)
        else:
            desired.add_record(_record(desired, existing, before, after), replace=True, lenient=True)
    return desired


def _record(zone: Any, existing: Any, before: RecordSet | None, after: RecordSet) -> Any:
    from octodns.record import Record
    from octodns.record.rr import Rrset

    if existing is None or before is None or (after.type == "HTTPS" and before.values != after.values):
        return Record.from_rrsets(zone, [Rrset(f"{after.host}.", after.type, after.ttl, list(after.values))])[
            0
        ]
    # a copy keeps what the provider knows of the record besides
    if before.values == after.values:
        fresh = existing.copy()
    elif after.type == "CNAME":
        fresh = existing.copy(value=after.values[0])
    else:
        fresh = existing.copy(values=list(after.values))
    fresh.ttl = after.ttl
    return fresh


def _not_ours(plan: Any, change: RecordChange) -> str:
    """What of the plan is not our change, or of our change not in the plan; empty where they are the same."""
    wanted = {_key(pair): pair for pair in change.differing}
    planned = list(plan.changes) if plan is not None else []
    strange = []
    for one in planned:
        try:
            pair = tuple(None if record is None else _set_of(record) for record in (one.existing, one.new))
        except RecordReadError:
            pair = ()
        if not pair or wanted.pop(_key(pair), None) != pair:
            record = one.new if one.new is not None else one.existing
            strange.append(
                f"{type(one).__name__.lower()} {clean(record.fqdn, 120)} {clean(record._type, 40)}"
            )
    strange += [f"no change of {host} {kind}" for host, kind in wanted]
    if plan is not None and getattr(plan, "meta", None):
        strange.append("a change of the zone itself")
    return ", ".join(strange[:8])


def _key(pair: Iterable[RecordSet | None]) -> tuple[str, str]:
    item = next(one for one in pair if one is not None)
    return item.host, item.type


def _told(error: BaseException) -> str:
    """An error of a provider in one line; quoted only where octoDNS or a provider wrote it for people."""
    # what an HTTP library says can hold an address with a key in it
    if isinstance(error, GivenUpError):
        return "it came too late"
    name = type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return f"{name}: HTTP {status}"
    written = type(error) is Exception or type(error).__module__.startswith("octodns")
    return f"{name}: {clean(error, 200)}" if written or isinstance(error, UserError) else name
