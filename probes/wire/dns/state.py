"""Two plain readings of DNS facts that gates and screens use: the TTL state, and who has moved. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ....cluster.text import clean
from .facts import DnsAnswer, DnsFacts, DnsServerFacts, ServerSide, ServerTtl, TtlState

_ADDRESS_TYPES = ("A", "AAAA")
_TTL_TYPES = frozenset({"A", "AAAA", "CNAME", "HTTPS"})


def owner_of(facts: DnsFacts) -> str:
    """The asked name as answers write it: lower case, with the final dot."""
    return facts.target.name.lower().rstrip(".") + "."


def ttl_state(facts: DnsFacts, low_ttl: int) -> TtlState:
    """Whether EVERY authoritative server serves a TTL of at most ``low_ttl`` seconds at the name itself.

    ``unknown`` as soon as one server did not show it and no other shows a high one; a high one is ``high``
    at once.
    """
    servers = tuple(_server_ttl(server, owner_of(facts)) for server in facts.authoritative)
    known = [server for server in servers if server.ttl is not None]
    high = [server for server in known if server.ttl is not None and server.ttl > low_ttl]
    silent = [server for server in servers if server.ttl is None]
    if not servers:
        return TtlState("unknown", "no authoritative server to ask")
    if high:
        top = max(server.ttl or 0 for server in high)
        words = f"{top} s on {len(high)} of {_servers(len(servers))}, wanted at most {low_ttl} s"
        return TtlState("high", _with_silent(words, silent), servers)
    if silent:
        if not known:
            return TtlState("unknown", _with_silent("TTL not known", silent), servers)
        words = f"{_span(known)} on {len(known)} of {_servers(len(servers))}"
        return TtlState("unknown", _with_silent(words, silent), servers)
    return TtlState("low", f"{_span(known)} on {len(known)} of {_servers(len(servers))}", servers)


def _servers(count: int) -> str:
    return f"{count} name server" if count == 1 else f"{count} name servers"


def _span(servers: list[ServerTtl]) -> str:
    ttls = sorted({server.ttl for server in servers if server.ttl is not None})
    return f"{ttls[0]} s" if len(ttls) == 1 else f"{ttls[0]} to {ttls[-1]} s"


def _with_silent(words: str, silent: list[ServerTtl]) -> str:
    if not silent:
        return words
    first = f"{clean(silent[0].address, 60)} {clean(silent[0].detail, 80)}"
    more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
    return f"{words}, {first}{more}"


def _server_ttl(server: DnsServerFacts, owner: str) -> ServerTtl:
    asked = [answer for answer in server.answers if answer.type in ("A", "AAAA", "CNAME")]
    if not asked:
        return ServerTtl(server.address, None, "was not asked for an address")
    fault = next((_fault(answer) for answer in asked if _fault(answer)), "")
    if fault:
        return ServerTtl(server.address, None, fault)
    ttls = [rrset.ttl for rrset in server.rrsets if rrset.owner == owner and rrset.type in _TTL_TYPES]
    if not ttls:
        return ServerTtl(server.address, None, "has no address for the name")
    return ServerTtl(server.address, max(ttls))


def _fault(answer: DnsAnswer) -> str:
    if answer.error:
        return f"did not answer ({answer.error})" if answer.error != "local" else "could not be asked"
    if answer.rcode not in ("NOERROR", "NXDOMAIN"):
        return f"answered {answer.rcode}"
    if not answer.aa:
        return "answered without authority"
    return "says that the name does not exist" if answer.rcode == "NXDOMAIN" else ""


def propagation(
    facts: DnsFacts, old: str | Collection[str], new: str | Collection[str]
) -> tuple[ServerSide, ...]:
    """For each server, authoritative ones first, the side that its A and AAAA records lead to.

    ``old`` and ``new`` are a side's address or addresses. The TTL is the highest among the sets that still
    name the old side, or among all where none does: for a resolver, the seconds until it asks again.
    """
    old_set, new_set = _addresses(old), _addresses(new)
    return tuple(_side(server, old_set, new_set) for server in facts.servers)


def _addresses(side: str | Collection[str]) -> frozenset[str]:
    return frozenset({side} if isinstance(side, str) else side) - {""}


def _side(server: DnsServerFacts, old: frozenset[str], new: frozenset[str]) -> ServerSide:
    answers = [answer for answer in server.answers if answer.type in _ADDRESS_TYPES]
    if not answers or all(answer.error or answer.rcode not in ("NOERROR", "NXDOMAIN") for answer in answers):
        return ServerSide(server.address, server.kind, "no-answer")
    sets = dict.fromkeys(
        rrset for answer in answers for rrset in answer.rrsets if rrset.type in _ADDRESS_TYPES
    )
    values = tuple(dict.fromkeys(value for rrset in sets for value in rrset.values))
    on_old = [rrset.ttl for rrset in sets if old.intersection(rrset.values)]
    ttl = max(on_old or [rrset.ttl for rrset in sets], default=None)
    return ServerSide(server.address, server.kind, side_of(values, old, new), ttl, values)


def side_of(values: Collection[str], old: frozenset[str], new: frozenset[str]) -> str:
    """old, new, mixed (of both, or with a stranger), other (only strangers) or none (no address)."""
    if not values:
        return "none"
    groups = {"old" if value in old else "new" if value in new else "other" for value in values}
    return groups.pop() if len(groups) == 1 else "mixed"
