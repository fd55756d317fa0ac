"""What a request meets on its way, as frozen facts: the answer of an edge, and everything that lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..refs import ObjectRef

Side = Literal["gateway", "ingress"]
# what the client meets: a backend answers; a redirect; an HTTP error of the edge; no connection at all;
# bytes handed on without a look at HTTP
Kind = Literal["backend", "redirect", "error", "refused", "passthrough", "edge"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that did not take the request. ``reason`` is a fixed word; ``detail`` one clean line.

    ``rule`` and ``match`` count from 1; 0 where the whole object lost.
    """

    ref: ObjectRef
    reason: str
    detail: str
    rule: int = 0
    match: int = 0
    matched: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A filter or an annotation at work, in order: its name, and what it does to this request."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """One backend and its part of the requests (0 to 1). ``status`` is what the client gets instead of the
    backend's own answer, 0 where the backend answers; ``unchecked`` says why its health is not known, and
    ``unread`` which kind could not be read.
    """

    ref: ObjectRef
    port: str
    share: float
    status: int = 0
    detail: str = ""
    unchecked: str = ""
    unread: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client meets. ``status`` 0: the backend's own. ``location`` is that of a redirect."""

    kind: Kind
    text: str
    status: int = 0
    location: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A controller's word that contradicts what the specs give. ``firm`` False: it speaks of an older
    generation, only waits, or nobody has spoken.
    """

    subject: ObjectRef
    text: str
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Winner:
    """Who takes the request: the route or Ingress, which rule and match of it (from 1), and by what."""

    ref: ObjectRef
    rule: int
    match: int
    rule_name: str
    hostname: str
    how: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One edge's whole answer to one request.

    ``edge`` is the Gateway, or the IngressClass's controller as a name; ``listener`` what takes the
    connection there. ``doubts`` are reasons why the answer may be another one; ``notes`` are not.
    """

    side: Side
    edge: str
    outcome: Outcome
    gateway: ObjectRef | None = None
    listener: ObjectRef | None = None
    listener_text: str = ""
    winner: Winner | None = None
    steps: tuple[Step, ...] = ()
    shares: tuple[Share, ...] = ()
    timeouts: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    claims: tuple[Claim, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether every client that is sent this way gets a backend's answer or a redirect."""
        if self.outcome.kind not in ("backend", "redirect", "passthrough", "edge"):
            return False
        return not any(share.status for share in self.shares if share.share > 0)

    @property
    def reached(self) -> frozenset[tuple[str, str, str]]:
        """The backends that answer: kind, namespace/name, port."""
        return frozenset(
            (share.ref.kind, f"{share.ref.namespace}/{share.ref.name}", share.port)
            for share in self.shares
            if share.share > 0 and not share.status
        )


@dataclass(slots=True)
class Draft:
    """What gathers while a Trace is being worked out."""

    losses: list[Loss] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def judge_health(self, shares: tuple[Share, ...], *, offline: bool) -> None:
        """Health that could not be read is a doubt; files hold no endpoints, which is only worth a note."""
        for share in shares:
            if share.share <= 0 or not share.unchecked:
                continue
            if offline and share.unread in ("Service", "EndpointSlice"):
                note = "read from files, which say nothing of the health of backends"
                if note not in self.notes:
                    self.notes.append(note)
            else:
                self.doubts.append(f"{share.ref}: {share.unchecked}")
