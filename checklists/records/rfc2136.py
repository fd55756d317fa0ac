"""DNS records by dynamic update (RFC 2136), signed (RFC 8945), with compare-and-swap.

The update carries the record sets and the SOA as they were read as prerequisites, so that a change by anybody
else, of a TTL as well, makes the server refuse it. One message changes all types of all hosts, or nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.tsig
import dns.update

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..plans.model import Plan
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
from .nsupdate import nsupdate_script

DEADLINE_S = 5.0
_RETRIES = 3
_AT_ONCE = 8
_KEY_BLOCK = re.compile(r'key\s+"?([^"\s{]+)"?\s*\{([^}]*)\}', re.DOTALL)
_KEY_FIELD = re.compile(r'\b(algorithm|secret)\s+"?([^"\s;]+)"?\s*;')
# only between words: base64 holds "//" as well
_COMMENT = re.compile(r"(?<![^\s;{}])(?:/\*.*?\*/|//[^\n]*|#[^\n]*)", re.DOTALL)
_PREREQUISITE_CODES = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)


class Rfc2136:
    """The provider ``rfc2136``: reads from and writes to the plan's first authoritative server."""

    capabilities = Capabilities(writes=True, compare_and_swap=True, atomic=True, rehearses=True)

    def __init__(self, plan: Plan, deadline_s: float = DEADLINE_S) -> None:
        self._plan = plan
        self._server = plan.dns.authoritative[0]
        self._deadline_s = deadline_s

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The hosts' records and the zone's SOA, over TCP from the first authoritative server."""
        wanted = hosts or self._plan.hosts
        return await read_records(self._server, self._plan.dns.zone, wanted, self._deadline_s)

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """By what the first authoritative server holds now."""
        return settle(change, (await self.read(change.hosts)).sets)

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Make exactly this change or none. The key is read from its file here and kept nowhere."""
        try:
            key = read_key_file(Path(self._plan.dns.tsig_key_file))
        except UserError as error:
            return WriteOutcome("refused", str(error))
        seen: list[str] = []
        for _ in range(_RETRIES):
            try:
                read = await self.read(change.hosts)
            except RecordReadError as error:
                return WriteOutcome("refused", f"nothing was sent: {error}")
            if settle(change, read.sets).kind == "applied":
                # an earlier message of ours came late, or somebody was quicker
                return WriteOutcome("applied", "the records are as the change leaves them already", read.sets)
            if tuple(sorted(read.sets)) != tuple(sorted(change.before)):
                detail = f"somebody else changed the records: now {words(read.sets)}; nothing was sent"
                return WriteOutcome("precondition-failed", detail, read.sets)
            seen.append(read.soa)
            outcome = await self._send(change, read, key)
            if outcome is not None:
                return outcome
            # the server saw something else than we read: the zone's serial alone may have moved on
        return WriteOutcome("precondition-failed", self._never_fitted(seen), read.sets)

    def _never_fitted(self, seen: list[str]) -> str:
        if len(set(seen)) == len(seen):
            return "the zone keeps changing: no quiet moment to change it"
        # PowerDNS compares texts: a record that somebody wrote into its database in another form never fits
        return f"{self._server} says that the records are not as it serves them: are they kept otherwise?"

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """The same change for nsupdate."""
        return nsupdate_script(change, self._server, self._plan.dns.tsig_key_file)

    async def _send(self, change: RecordChange, read: RecordsRead, key: dns.tsig.Key) -> WriteOutcome | None:
        update = build_update(change, read.soa, key)
        host, port = _split(self._server)
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await dns.asyncquery.tcp(update, host, timeout=self._deadline_s, port=port)
        except (TimeoutError, OSError, EOFError, dns.exception.DNSException) as error:
            return await self._after_silence(change, error)
        code = answer.rcode()
        if code == dns.rcode.NOERROR:
            return await self._after_noerror(change)
        if code in _PREREQUISITE_CODES:
            return None
        return WriteOutcome("refused", f"{self._server} refused the update: {dns.rcode.to_text(code)}")

    async def _after_noerror(self, change: RecordChange) -> WriteOutcome:
        try:
            now = (await self.read(change.hosts)).sets
        except RecordReadError:
            return WriteOutcome(
                "applied", f"{self._server} took the update; it could not be read back", change.after
            )
        detail = f"{self._server} took the update"
        if tuple(sorted(now)) != tuple(sorted(change.after)):
            detail += f"; read back: {words(now)}"
        return WriteOutcome("applied", detail, now)

    async def _after_silence(self, change: RecordChange, error: Exception) -> WriteOutcome:
        """No answer is no outcome: only reading tells."""
        said = _said(self._server, error)
        try:
            now = (await self.read(change.hosts)).sets
        except RecordReadError as unread:
            return WriteOutcome("unknown", f"{said}, and then: {unread}")
        found = settle(change, now)
        if found.kind != "applied":
            # it may still be on its way, or have been made before somebody else's: not yet an answer
            return WriteOutcome("unknown", f"{said}; read afterwards: {found.detail}", now)
        return WriteOutcome(found.kind, f"{said}; read afterwards: {found.detail}", now)


def _said(server: str, error: Exception) -> str:
    """What an update without a proper answer met with. A refusal that is not signed is no outcome either."""
    if isinstance(error, dns.tsig.PeerBadTime):
        return (
            f"{server} refuses the signature's time (BADTIME): its clock and this machine's differ by"
            " more than TSIG allows, mostly 5 minutes; set the one that is wrong"
        )
    if isinstance(error, dns.tsig.PeerBadKey | dns.tsig.PeerBadSignature):
        return f"{server} does not accept the TSIG key ({type(error).__name__}): is it the key of this zone?"
    return f"no proper answer from {server} ({type(error).__name__})"


def build_update(change: RecordChange, soa: str, key: dns.tsig.Key) -> dns.update.UpdateMessage:
    """The signed message: prerequisites on the SOA and on every set, present or absent; then the changes."""
    zone = dns.name.from_text(change.zone)
    update = dns.update.UpdateMessage(zone, keyring=key)
    update.present(zone, "SOA", soa)
    before = {(item.host, item.type): item for item in change.before}
    after = {(item.host, item.type): item for item in change.after}
    for host in change.hosts:
        name = dns.name.from_text(host)
        for kind in TYPES:
            item = before.get((host, kind))
            if item is None:
                update.absent(name, kind)
            else:
                update.present(name, kind, *item.values)
    for key_pair in sorted(before.keys() - after.keys()):
        update.delete(dns.name.from_text(key_pair[0]), key_pair[1])
    for key_pair, item in sorted(after.items()):
        if before.get(key_pair) != item:
            update.replace(dns.name.from_text(item.host), item.ttl, item.type, *item.values)
    return update


async def read_records(server: str, zone: str, hosts: tuple[str, ...], deadline_s: float) -> RecordsRead:
    """The hosts' record sets as the authoritative ``server`` holds them. Raises RecordReadError.

    ``deadline_s`` (seconds) is for each question, and for every ten hosts together.
    """
    try:
        async with asyncio.timeout(deadline_s * (1 + len(hosts) // 10)):
            # before the sets: a change in between leaves a stale SOA, and never a fresh one with stale sets
            soa = await _ask(server, zone, "SOA", deadline_s)
            sets = await _ask_all(server, hosts, deadline_s)
    except TimeoutError:
        raise RecordReadError(
            f"{server} for {len(hosts)} hosts: not over in time", "is it reachable over TCP?"
        ) from None
    if soa is None:
        raise RecordReadError(f"{server} has no SOA for {zone}", "is dns.zone right?")
    return RecordsRead(tuple(sorted(sets)), soa.values[0], server, int(soa.values[0].split()[2]))


async def _ask_all(server: str, hosts: tuple[str, ...], deadline_s: float) -> list[RecordSet]:
    few = asyncio.Semaphore(_AT_ONCE)

    async def ask(host: str, kind: str) -> RecordSet | None:
        async with few:
            return await _ask(server, host, kind, deadline_s)

    questions = [asyncio.ensure_future(ask(host, kind)) for host in hosts for kind in TYPES]
    try:
        # all of them end before one error is told: none is left running behind it
        await asyncio.gather(*questions, return_exceptions=True)
    finally:
        for one in questions:
            one.cancel()
    return [found for one in questions if (found := one.result()) is not None]


async def _ask(server: str, name: str, kind: str, deadline_s: float) -> RecordSet | None:
    host, port = _split(server)
    query = dns.message.make_query(name.rstrip(".") + ".", kind)
    query.flags &= ~dns.flags.RD
    asked = f"{server} for {name} {kind}"
    try:
        async with asyncio.timeout(deadline_s):
            answer = await dns.asyncquery.tcp(query, host, timeout=deadline_s, port=port)
    except (TimeoutError, dns.exception.Timeout):
        raise RecordReadError(
            f"{asked}: no answer within {deadline_s:g} s", "is it reachable over TCP?"
        ) from None
    except (OSError, EOFError, dns.exception.DNSException) as error:
        raise RecordReadError(
            f"{asked}: {clean(error) or type(error).__name__}", "is it reachable over TCP?"
        ) from None
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise RecordReadError(f"{asked}: {dns.rcode.to_text(answer.rcode())}", "does it serve the zone?")
    if not answer.flags & dns.flags.AA:
        raise RecordReadError(f"{asked}: the answer is not authoritative", "name the zone's own servers")
    owner = dns.name.from_text(name.rstrip(".") + ".")
    wanted = dns.rdatatype.from_text(kind)
    for rrset in answer.answer:
        if rrset.name == owner and rrset.rdtype == wanted:
            values = tuple(sorted(data.to_text() for data in rrset))
            return RecordSet(name.rstrip("."), kind, rrset.ttl, values)
    return None


def read_key_file(path: Path) -> dns.tsig.Key:
    """The key of a BIND key file. UserError names the file, never its content."""
    try:
        with path.open("rb") as file:
            text = file.read(65536).decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(
            f"{path}: the TSIG key file cannot be read: {error.strerror}", "check the path"
        ) from None
    block = _KEY_BLOCK.search(_COMMENT.sub("", text))
    fields = dict(_KEY_FIELD.findall(block[2])) if block else {}
    if block is None or "secret" not in fields or "algorithm" not in fields:
        raise UserError(f"{path}: not a BIND key file", "tsig-keygen NAME > FILE writes one")
    try:
        secret = base64.b64decode(fields["secret"], validate=True)
        return dns.tsig.Key(block[1], secret, dns.name.from_text(fields["algorithm"].lower()))
    except (binascii.Error, ValueError, dns.exception.DNSException):
        raise UserError(
            f"{path}: the key in it cannot be read", "tsig-keygen NAME > FILE writes one"
        ) from None


def _split(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
