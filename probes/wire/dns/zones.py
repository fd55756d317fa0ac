"""Where a name is delegated to, the chain of names that it follows, and who says to own it: as facts."""

from __future__ import annotations

from dataclasses import dataclass

from .answers import CaaRecord, DnsAnswer


@dataclass(frozen=True, slots=True)
class NamedAddresses:
    """A host name (lower case, final dot) and the addresses that were given for it."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delegation:
    """What one server of the parent zone says of the zone.

    ``ns`` are the name servers that it lists, sorted; ``glue`` the addresses that it gave with them.
    ``aa``: it answered as the zone's own server instead (it serves both zones), so this is no delegation.
    ``signed``: whether it has a DS record for the zone; None: not asked, or not answered.
    """

    address: str
    name: str = ""
    ns: tuple[str, ...] = ()
    glue: tuple[NamedAddresses, ...] = ()
    ttl: int | None = None
    aa: bool = False
    rcode: str = ""
    signed: bool | None = None
    error: str = ""
    error_detail: str = ""


@dataclass(frozen=True, slots=True)
class ListedServer:
    """A name server of the zone: who lists it, and every address found for it (without port).

    ``by_parent`` and ``by_child``: at least one server of the parent zone, or of the zone itself, lists it.
    ``error`` says why it has no address.
    """

    name: str
    addresses: tuple[str, ...] = ()
    by_parent: bool = False
    by_child: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """The way from where it began down to the zone that holds the name.

    ``zone`` is the zone's name with the final dot, empty where it was not found (``error`` says why);
    ``parent`` the zone above it, empty where the walk began inside the zone. ``delegations`` has one entry
    for each address of each parent server. ``began_at`` are the servers asked first; ``left_out`` counts
    addresses that were not asked because there are too many.
    """

    zone: str = ""
    parent: str = ""
    began_at: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    listed: tuple[ListedServer, ...] = ()
    left_out: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One record set on the way to the addresses, as an authoritative server serves it.

    ``type`` is CNAME on the way; A, AAAA and HTTPS at the end. ``ttl`` in seconds; ``server`` is who said
    it, ``zone`` the zone that it stands in (empty where not known).
    """

    owner: str
    type: str
    ttl: int
    values: tuple[str, ...]
    server: str = ""
    zone: str = ""


ADDRESS, NO_DATA, NO_NAME = "address", "no-data", "no-name"
LOOP, TOO_LONG, NO_ANSWER, OUTSIDE = "loop", "too-long", "no-answer", "outside"


@dataclass(frozen=True, slots=True)
class Chain:
    """All hops from ``begins`` in order, across zones.

    ``end`` is address, no-data (the last name has neither A nor AAAA), no-name (it does not exist: behind a
    CNAME that is a dangling one), loop, too-long, no-answer (its servers did not say), or outside (it leaves
    the servers that were given, and nobody was there to find the next ones). ``last`` is the last name.
    """

    begins: str
    hops: tuple[Hop, ...] = ()
    end: str = NO_ANSWER
    last: str = ""
    detail: str = ""

    @property
    def aliases(self) -> tuple[Hop, ...]:
        """The CNAMEs among the hops."""
        return tuple(hop for hop in self.hops if hop.type == "CNAME")


@dataclass(frozen=True, slots=True)
class CaaLevel:
    """The CAA records at one name of the climb (RFC 8659, section 3): the first name that has any decides.

    ``answered`` is false where nobody could be asked for it: then the climb's outcome is not known.
    """

    name: str
    records: tuple[CaaRecord, ...] = ()
    answered: bool = False
    rcode: str = ""
    server: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """A TXT record set at a name where external-dns keeps its registry.

    ``kind`` is exact (the name itself), or the prefix: a, aaaa, cname. ``owner`` and ``resource`` are what
    the heritage text says (``external-dns/owner``, ``external-dns/resource``); ``heritage`` false: it is
    some other TXT record, or one that cannot be read (encrypted).
    """

    name: str
    kind: str
    ttl: int
    texts: tuple[str, ...]
    server: str = ""
    heritage: bool = False
    owner: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Sibling:
    """A random name beside the asked one: where it is answered, a wildcard answers typing errors too."""

    name: str
    server: str
    answer: DnsAnswer


@dataclass(frozen=True, slots=True)
class Sighting:
    """That one server served one record set at one moment: ``at`` in epoch seconds, ``ttl`` in seconds.

    ``values`` are sorted; empty: the server said that there is no such record, and ``ttl`` is how long that
    may be cached. ``server`` is authoritative unless ``kind`` says resolver.
    """

    at: float
    name: str
    server: str
    type: str
    ttl: int
    values: tuple[str, ...]
    kind: str = "authoritative"
