"""Whose the records are that stand now: external-dns's TXT registry, read from what DNS holds. Pure.

Source: external-dns docs/registry/txt.md. A TXT record ``heritage=external-dns,external-dns/owner=ID,
external-dns/resource=KIND/NAMESPACE/NAME`` stands at ``TYPE-name`` (since v0.12), or at the name itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ....cluster.text import clean
from .flags import ADDRESS_TYPES, Flags

HERITAGE = "heritage=external-dns"
_TEMPLATE = "%{record_type}"
Ownership = Literal["owned", "none", "unreadable"]


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """One record set that is there; ``owner`` and ``resource`` as its ownership record says.

    ``unreadable``: something stands where the ownership record belongs, and it cannot be read (encrypted).
    ``txt`` is the name of that record.
    """

    host: str
    type: str
    ttl: int
    values: tuple[str, ...]
    owner: str = ""
    resource: str = ""
    ownership: Ownership = "none"
    txt: str = ""

    @property
    def shown(self) -> str:
        """The record set and its owner in one line."""
        resource = clean(self.resource, 120) or "no resource named"
        whose = {
            "owned": f"owned by {clean(self.owner, 60)} for {resource}",
            "none": "no ownership record",
            "unreadable": f"its ownership record {clean(self.txt, 120)} cannot be read",
        }[self.ownership]
        return f"{clean(self.host, 253)} {self.ttl} {self.type} {', '.join(map(clean, self.values))}: {whose}"


def registry_names(host: str, kind: str, flags: Flags) -> tuple[str, ...]:
    """Where the ownership record of ``host`` ``kind`` may stand, the newest format first."""
    first, dot, rest = host.lower().rstrip(".").partition(".")
    if flags.txt_wildcard and first == "*":
        first = flags.txt_wildcard
    lower = kind.lower()
    prefix, suffix = (one.replace(_TEMPLATE, lower) for one in (flags.txt_prefix, flags.txt_suffix))
    templated = _TEMPLATE in flags.txt_prefix or _TEMPLATE in flags.txt_suffix
    typed = f"{prefix}{first if templated else f'{lower}-{first}'}{suffix}{dot}{rest}"
    bare_prefix, bare_suffix = (one.replace(_TEMPLATE, "") for one in (flags.txt_prefix, flags.txt_suffix))
    old = f"{bare_prefix}{first}{bare_suffix}{dot}{rest}"
    # an AAAA record has no ownership record in the old format
    return (typed,) if kind == "AAAA" else (typed, old)


def names_to_read(hosts: Iterable[str], flags: Iterable[Flags]) -> tuple[str, ...]:
    """Every name at which an ownership record of the hosts may stand, by what each external-dns was told."""
    told = list(flags)
    return tuple(
        dict.fromkeys(
            name
            for host in hosts
            for one in told
            for kind in ADDRESS_TYPES
            for name in registry_names(host, kind, one)
        )
    )


def held_records(
    sets: Iterable[tuple[str, str, int, tuple[str, ...]]], texts: Mapping[str, tuple[str, ...]], flags: Flags
) -> tuple[Held, ...]:
    """The address records (host, type, TTL, values) with their owners, as ``flags`` make it look for them."""
    found = []
    for host, kind, ttl, values in sets:
        if kind not in ADDRESS_TYPES:
            continue
        held = Held(host, kind, ttl, tuple(sorted(values)))
        for name in registry_names(host, kind, flags):
            owned = _owned(held, name, texts.get(name, ()), flags)
            if owned is not None:
                held = owned
                break
        found.append(held)
    return tuple(sorted(found))


def _owned(held: Held, name: str, texts: tuple[str, ...], flags: Flags) -> Held | None:
    for text in texts:
        said = said_by(text)
        if said is not None:
            owner, resource = said.get("external-dns/owner", ""), said.get("external-dns/resource", "")
            return Held(held.host, held.type, held.ttl, held.values, owner, resource, "owned", name)
    own_place = name != held.host
    if texts and (own_place or flags.encrypted):
        return Held(held.host, held.type, held.ttl, held.values, "", "", "unreadable", name)
    return None


def said_by(text: str) -> dict[str, str] | None:
    """What an ownership text says; None for any other text."""
    bare = text.strip().strip('"')
    if HERITAGE not in bare.split(","):
        return None
    return dict(part.split("=", 1) for part in bare.split(",") if part.count("=") == 1)
