"""What a cutover's plan is: which hosts go from which old side to which new side, under what conditions.

A plan holds no secret: the TSIG key stays in its file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ...cluster.errors import UserError
from ...cluster.typed import convert
from ...probes.wire.parity.waivers import Waiver
from ..terms import Phase


@dataclass(frozen=True, slots=True)
class ObjectName:
    """``namespace/name``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class RouteName:
    """``Kind/namespace/name`` of a route."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its IPv4 (or its only, IPv6) ``address``, and a second, IPv6 one where there is one."""

    address: str
    ipv6: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of the side."""
        return (self.address, self.ipv6) if self.ipv6 else (self.address,)


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """A path that has to answer; without ``statuses`` any status from 200 to 399 is an answer.

    ``hosts`` are those of the plan that it is asked of; none: every one.
    """

    path: str
    statuses: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """Private roots, absolute path; empty: the system's."""

    ca_file: str = ""


Provider = Literal["show", "rfc2136", "octodns", "external-dns", "command"]
PROVIDERS: tuple[Provider, ...] = ("show", "rfc2136", "octodns", "external-dns", "command")
Console = Literal["nsupdate", "zone-file", "route53", "cloudflare", "cloud-dns", "azure"]
CONSOLES: tuple[Console, ...] = ("nsupdate", "zone-file", "route53", "cloudflare", "cloud-dns", "azure")


@dataclass(frozen=True, slots=True)
class OctodnsPlan:
    """Which of the providers in an octoDNS configuration file (absolute path) holds the zone."""

    config: str
    provider: str


@dataclass(frozen=True, slots=True)
class ExternalDnsPlan:
    """``owner`` is external-dns's ``--txt-owner-id`` where it cannot be read from its Deployment.

    ``write`` is how the handover is made: ``annotations`` patches them (after consent, with writing on);
    ``patch`` only prints the patch, for those whose manifests live in Git.
    """

    owner: str = ""
    write: Literal["annotations", "patch"] = "patch"


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """Where the records stand and how they change. Servers are ``ip:port``; TTLs in seconds.

    ``old_ttl`` is only for a record whose TTL was lowered by hand before the run: what it was before.
    ``console`` and ``zone_id`` say how ``show`` writes the change for a person; ``command`` is the argv of
    the provider of that name; ``rehearse`` a name of no traffic on which the rollback is tried beforehand.
    """

    provider: Provider
    zone: str
    authoritative: tuple[str, ...]
    low_ttl: int
    resolvers: tuple[str, ...] = ()
    tsig_key_file: str = ""
    old_ttl: int | None = None
    console: Console = "nsupdate"
    zone_id: str = ""
    octodns: OctodnsPlan | None = None
    external_dns: ExternalDnsPlan | None = None
    command: tuple[str, ...] = ()
    rehearse: str = ""

    @property
    def by_hand(self) -> bool:
        """True where a person, or a tool of theirs, makes the change, and Pointsman never does."""
        if self.provider == "external-dns":
            return self.external_dns is None or self.external_dns.write == "patch"
        return self.provider == "show"


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds. ``settle`` is added to every DNS wait, for clocks and for the polling second.

    ``pause`` lies between the end of one wave's watch and the switch of the next; ``quiet`` is for how long
    the old side has to be without clients before it may be called idle.
    """

    watch: float = 600.0
    soak: float = 48 * 3600.0
    settle: float = 2.0
    pause: float = 600.0
    quiet: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The watch: ``p0`` is the error share that counts as healthy, ``alpha`` the chance of a false alarm.

    ``soak_rate_per_s`` is the gentler rate of requests to each side while soaking.
    """

    min_samples: int = 600
    p0: float = 0.001
    alpha: float = 0.001
    rate_per_s: float = 2.0
    soak_rate_per_s: float = 1.0


@dataclass(frozen=True, slots=True)
class PodsPlan:
    """A controller's own counters, read from each of its pods through the API server's pod proxy.

    ``controller`` names its families (``probes.watching.traffic``); ``selector`` is a label selector;
    ``port`` 0 and ``path`` empty: what that controller listens on by default.
    """

    controller: str
    namespace: str
    selector: str
    port: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class PrometheusPlan:
    """A Prometheus that scrapes a side. Tokens stay in their file; ``queries`` replace the shipped ones."""

    url: str
    controller: str = ""
    ca_file: str = ""
    token_file: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrafficSide:
    """Where one side's own count of its traffic is read; nothing: only our own probes tell."""

    pods: PodsPlan | None = None
    prometheus: PrometheusPlan | None = None


@dataclass(frozen=True, slots=True)
class TrafficPlan:
    """Both sides' own counts."""

    old: TrafficSide = TrafficSide()
    new: TrafficSide = TrafficSide()


@dataclass(frozen=True, slots=True)
class Hook:
    """An own command at a transition. ``on`` are phases; ``run`` an argv, never a shell."""

    on: tuple[Phase, ...]
    run: tuple[str, ...]
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class PlannedWaiver:
    """A WARN that the plan's author accepts, by the check's id. A FAIL is never waived beforehand."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A cutover, as its file says it; every path in it is absolute.

    ``accept`` are differences between the sides that its author accepts by path and field. ``waves`` are
    groups of hosts that are cut over one after the other; none: all of them together; in the plan of one
    wave, ``other_hosts`` are those of the others. While ``postpone_file`` exists, nothing goes forward.
    """

    name: str
    hosts: tuple[str, ...]
    gateway: ObjectName
    old: Side
    new: Side
    paths: tuple[CriticalPath, ...]
    dns: DnsPlan
    ingress: tuple[ObjectName, ...] = ()
    routes: tuple[RouteName, ...] = ()
    port: int = 443
    tls: TlsPlan = TlsPlan()
    durations: Durations = Durations()
    thresholds: Thresholds = Thresholds()
    on_alarm: Literal["rollback", "hold"] = "rollback"
    checklist: str = "pre-cutover"
    waivers: tuple[PlannedWaiver, ...] = field(default=())
    accept: tuple[Waiver, ...] = field(default=())
    waves: tuple[tuple[str, ...], ...] = field(default=())
    other_hosts: tuple[str, ...] = field(default=())
    traffic: TrafficPlan = TrafficPlan()
    hooks: tuple[Hook, ...] = field(default=())
    postpone_file: str = ""

    @property
    def type_this(self) -> str:
        """What is asked to be typed before a write: the host in full; for several hosts the plan's name."""
        return self.hosts[0] if len(self.hosts) == 1 else self.name

    @property
    def asked(self) -> tuple[tuple[str, CriticalPath], ...]:
        """Every host with each critical path that is asked of it."""
        return tuple(
            (host, path) for host in self.hosts for path in self.paths if not path.hosts or host in path.hosts
        )

    def is_confirmed_by(self, typed: str) -> bool:
        """True where ``typed`` names the target in full; for several hosts, every host or the plan's name."""
        text = typed.strip()
        if len(self.hosts) == 1:
            return text == self.hosts[0]
        return text == self.name or sorted(re.split(r"[,\s]+", text)) == sorted(self.hosts)


def plan_digest(plan: Plan) -> str:
    """SHA-256 (hex) over the plan's content: two equal digests are the same plan."""
    return hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest()


def plan_to_json(plan: Plan) -> dict[str, object]:
    """The plan as plain values, for the journal."""
    plain = msgspec.to_builtins(plan)
    assert isinstance(plain, dict)
    return plain


def plan_from_json(plain: object) -> Plan:
    """The inverse of ``plan_to_json``. UserError where it is not a plan."""
    try:
        return convert(plain, Plan)
    except msgspec.ValidationError as error:
        raise UserError(
            f"the plan in the journal cannot be read: {error}", "was the journal edited?"
        ) from None
