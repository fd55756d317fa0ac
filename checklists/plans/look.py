"""Asking for a plan: the name servers of its hosts, and each host at both sides, with GET and gently."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from ...probes.engine import each
from ...probes.wire.address import bracketed
from ...probes.wire.dns.facts import CHAIN, OWNERS, DnsFacts, DnsTarget
from ...probes.wire.dns.observe import observe_many
from ...probes.wire.dns.servers import system_resolvers
from ...probes.wire.http.facts import HttpFacts, HttpRequest
from ...probes.wire.http.observe import Session
from ...probes.wire.tls.certificate import parsed_or_none
from ...probes.wire.tls.facts import TlsFacts, TlsTarget
from ...probes.wire.tls.observe import observe as observe_chain
from .derive_dns import addresses_now
from .derive_paths import paths_of
from .derive_sides import balancer_names, chosen, port_of, reached
from .find import Found, FoundHost, Wanted
from .model import Side
from .seen import Seen, SideSeen

_AT_ONCE = 8
_TIMEOUT_S = 5.0
_NAMES_AT_MOST = 200
# the journal's sibling rule: a host that says nothing is not asked for every path
_GIVE_UP_AFTER = 2


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask for DNS: ``servers`` are authoritative, or ``begin`` where the walk begins; ``deadline_s``
    (seconds) is for each host. ``resolvers`` none: the system's.
    """

    servers: tuple[str, ...] = ()
    begin: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    port: int = 53
    deadline_s: float = 20.0


async def look(found: Found, wanted: Wanted, asking: Asking) -> Seen:
    """Everything that is asked of the world. Never raises for what it answers.

    UserError where the roots that ``wanted`` names cannot be read.
    """
    names = [host.host for host in found.hosts]
    dns, addresses = await asyncio.gather(_records(names, asking), _resolved(balancer_names(found), asking))
    given = bool(asking.servers) and not asking.begin
    seen = Seen(dns, addresses, resolvers=asking.resolvers, servers_given=given)
    old_side, new_side = reached(found, seen)
    old, new = chosen(old_side, addresses_now(names, seen)), chosen(new_side)
    port = wanted.port or port_of(found)
    at_old, at_new = await asyncio.gather(
        _side(found.hosts, old, port, wanted), _side(found.hosts, new, port, wanted)
    )
    return replace(seen, old=at_old, new=at_new)


async def _records(names: Sequence[str], asking: Asking) -> Mapping[str, DnsFacts]:
    walk = not asking.servers or bool(asking.begin)
    resolvers = asking.resolvers or (system_resolvers() if walk and not asking.begin else ())
    targets = [
        DnsTarget(
            name,
            asking.servers,
            resolvers,
            timeout_s=min(3.0, asking.deadline_s),
            deadline_s=asking.deadline_s,
            walk=walk,
            walk_from=asking.begin,
            port=asking.port,
            extras=(CHAIN, OWNERS),
        )
        for name in names
    ]
    return dict(zip(names, await observe_many(targets), strict=True))


async def _resolved(names: Iterable[str], asking: Asking) -> Mapping[str, tuple[str, ...]]:
    """The addresses of load balancers' names: any resolver's word will do."""
    resolvers = asking.resolvers or system_resolvers()
    chosen_names = list(names)
    targets = [
        DnsTarget(name, (), resolvers, types=("A", "AAAA"), timeout_s=3.0, deadline_s=asking.deadline_s)
        for name in chosen_names
    ]
    found = await observe_many(targets) if targets else ()
    return {
        name: tuple(
            sorted(
                {
                    value
                    for one in facts.servers
                    for rrset in one.rrsets
                    if rrset.type in ("A", "AAAA")
                    for value in rrset.values
                }
            )
        )
        for name, facts in zip(chosen_names, found, strict=True)
    }


async def _side(
    hosts: Sequence[FoundHost], side: Side | None, port: int, wanted: Wanted
) -> Mapping[str, SideSeen]:
    if side is None:
        return {}

    async def one(host: FoundHost) -> SideSeen:
        return await _host(host, side.address, port, wanted.ca_file)

    return dict(zip([host.host for host in hosts], await each(hosts, one, _AT_ONCE), strict=True))


async def _host(host: FoundHost, address: str, port: int, ca_file: str) -> SideSeen:
    target = TlsTarget(address, port, host.host, ca_file=ca_file or None, attempts=1, timeout_s=_TIMEOUT_S)
    paths = [path.path for path in paths_of(host)[0]]
    tls = await observe_chain(target)
    answers = await _answers(host.host, address, port, paths, ca_file)
    leaf, names, trusted, why = _certificate(tls)
    cookies = {domain for one in answers.values() for domain in _cookie_domains(one)}
    return SideSeen(
        trusted,
        why,
        leaf,
        names,
        {path: one.status for path, one in answers.items()},
        tuple(sorted(cookies)),
    )


async def _answers(
    host: str, address: str, port: int, paths: Sequence[str], ca_file: str
) -> dict[str, HttpFacts]:
    session = Session(ca_file or None, keep=True)
    answers: dict[str, HttpFacts] = {}
    silent = 0
    place = bracketed(host) if port == 443 else f"{bracketed(host)}:{port}"
    try:
        for path in paths:
            if silent >= _GIVE_UP_AFTER:
                break
            request = HttpRequest(
                f"https://{place}{path}", address, ca_file=ca_file or None, timeout_s=_TIMEOUT_S
            )
            answers[path] = await session.observe(request)
            silent = silent + 1 if answers[path].status is None else 0
    finally:
        await session.aclose()
    return answers


def _cookie_domains(facts: HttpFacts) -> Iterable[str]:
    """The Domain attributes of what it set (RFC 6265, 5.2.3)."""
    for cookie in facts.header_values("set-cookie"):
        for attribute in cookie.split(";")[1:]:
            name, _, value = attribute.strip().partition("=")
            if name.lower() == "domain" and value:
                yield value.strip().lower().lstrip(".")


def _certificate(facts: TlsFacts) -> tuple[str, tuple[str, ...], bool | None, str]:
    """The leaf's hash, its names, whether it was trusted, and why not."""
    shake = next((one for one in facts.named if one.chain), None)
    if shake is None:
        why = next((one.error_detail or one.error for one in facts.named), "")
        return "", (), None, why
    raw = base64.b64decode(shake.chain[0])
    names: tuple[str, ...] = ()
    leaf = parsed_or_none(shake.chain[0])
    if leaf is not None:
        with contextlib.suppress(x509.ExtensionNotFound):
            extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            found = extension.value.get_values_for_type(x509.DNSName)
            names = tuple(sorted({name.lower() for name in found})[:_NAMES_AT_MOST])
    trusted = not shake.verify_errors and not shake.error
    why = "; ".join(error.text for error in shake.verify_errors) or shake.error_detail or shake.error
    return hashlib.sha256(raw).hexdigest(), names, trusted, why
