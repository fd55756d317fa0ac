"""From looks at many counters over time to one count that only grows, and what may be missing from it. Pure.

What can be known: between two looks at the same process a counter grows by the difference. A counter that
fell was set back, and has grown by all it shows. One that was not there when its process was looked at before
has grown by all it shows too (it is born at its first event, and has no zero to be compared with). What a
process counted between the last look and its end nobody has seen: that is said, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .facts import FIELDS, Counts, Reading
from .families import BY_STATUS, Measured, Series

_ALL_HOSTS = ""
# a clock that is set differs a little from look to look; a process that began anew differs by more
_SAME_START_S = 2.0
_MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class PodLook:
    """One process at one look. ``uid`` names the pod for good; ``restarts`` tells its processes apart.

    ``measured`` is None where it did not answer (``problem`` says why); one that tells nothing of what is
    wanted has not answered either.

    ``newborn`` says that one that was not there before has begun meanwhile, and has counted in our time only.
    ``summed`` ones are sums over processes that come and go: one that fell has lost a part, and does not show
    what was added meanwhile.
    """

    uid: str
    name: str
    restarts: int = 0
    measured: Measured | None = None
    problem: str = ""
    newborn: bool = True
    summed: bool = False

    @property
    def heard(self) -> Measured | None:
        """What it told, if anything."""
        return self.measured if self.measured is not None and self.measured.tells else None


@dataclass(frozen=True, slots=True)
class Look:
    """Every pod at one instant (epoch seconds); ``listed`` False: nobody could say which there are."""

    at: float
    pods: tuple[PodLook, ...] = ()
    listed: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """A process as it last answered; without series one that has not yet, and began in our time."""

    name: str
    restarts: int
    started: float | None
    series: Mapping[int, Series]


@dataclass(frozen=True, slots=True)
class Counters:
    """All that was counted since the first good look. Grows by ``add``; read it by ``reading``."""

    source: str
    notes: tuple[str, ...] = ()
    since: float | None = None
    at: float = 0.0
    unbroken_since: float | None = None
    whole: bool = False
    pods: int = 0
    answered: int = 0
    known: Mapping[str, _Known] = field(default_factory=dict)
    unheard: frozenset[str] = frozenset()
    grown: Mapping[tuple[str, str], float] = field(default_factory=dict)
    tells: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    by_host: bool = False
    problems: tuple[str, ...] = ()

    def add(self, look: Look) -> Counters:
        """The counters after one more look. Looks come in the order of time."""
        if not look.listed:
            return replace(
                self, at=look.at, whole=False, pods=0, answered=0, problems=look.problems[:_MOST_PROBLEMS]
            )
        step = _Step(self)
        for pod in look.pods:
            step.pod(pod)
        step.ended({pod.uid for pod in look.pods})
        heard = [pod.heard for pod in look.pods if pod.heard is not None]
        answered = len(heard)
        since = self.since if self.since is not None else (look.at if answered else None)
        unbroken = self.unbroken_since if self.since is not None else since
        if step.lost:
            unbroken = look.at
        return replace(
            self,
            since=since,
            at=look.at,
            unbroken_since=unbroken,
            whole=answered == len(look.pods) and answered > 0,
            pods=len(look.pods),
            answered=answered,
            known=step.known,
            unheard=frozenset(step.unheard),
            grown=step.grown,
            tells=self.tells | step.tells,
            hosts=self.hosts | step.hosts,
            by_host=all(one.by_host for one in heard) if heard else self.by_host,
            problems=tuple(dict.fromkeys((*look.problems, *step.problems)))[:_MOST_PROBLEMS],
        )

    def reading(self, hosts: Iterable[str] = ()) -> Reading:
        """The counts as of the last look; of ``hosts`` (none named: of all) those that were ever seen."""
        wanted = {host.lower() for host in hosts} or self.hosts
        return Reading(
            at=self.at,
            since=self.since if self.since is not None else self.at,
            source=self.source,
            total=self._counts(_ALL_HOSTS),
            hosts={host: self._counts(host) for host in sorted(self.hosts & wanted)},
            pods=self.pods,
            answered=self.answered,
            complete=self.whole and self.unbroken_since == self.since,
            unbroken_since=self.unbroken_since if self.whole else None,
            problems=self.problems,
            notes=self.notes,
            by_host=self.by_host,
        )

    def _counts(self, host: str) -> Counts:
        # a handshake belongs to no host
        told = [name for name in FIELDS if name in self.tells and (host == _ALL_HOSTS or name in BY_STATUS)]
        return Counts(**{name: self.grown.get((host, name), 0.0) for name in told})


class _Step:
    """What one look adds."""

    def __init__(self, before: Counters) -> None:
        self._before = before
        self.known = dict(before.known)
        self.unheard = set(before.unheard)
        self.grown = dict(before.grown)
        self.tells: set[str] = set()
        self.hosts: set[str] = set()
        self.problems: list[str] = []
        self.lost = False

    def pod(self, pod: PodLook) -> None:
        """One process that is there."""
        was, measured = self.known.get(pod.uid), pod.heard
        if measured is None:
            self._silent(pod, was)
            return
        self.problems += [f"{pod.name}: {text}" for text in measured.problems]
        self.tells |= measured.tells
        if was is None:
            self._first_answer(pod, measured)
        elif not pod.summed and _began_anew(was, pod, measured):
            self._lose(f"{pod.name} has restarted: what it counted before its end is not known in full")
            self._grow(measured, {})
        else:
            self._went_on(pod, measured, was)
        self.unheard.discard(pod.uid)
        self.known[pod.uid] = _Known(pod.name, pod.restarts, measured.started, measured.series)

    def _silent(self, pod: PodLook, was: _Known | None) -> None:
        told = pod.measured.problems if pod.measured is not None else ()
        self.problems.append(f"{pod.name}: {pod.problem or '; '.join(told) or 'no answer'}")
        if was is not None:
            return
        if self._new(pod):
            # whatever it says at last, it has counted all of it in our time
            self.known[pod.uid] = _Known(pod.name, pod.restarts, None, {})
        else:
            self.unheard.add(pod.uid)

    def _new(self, pod: PodLook) -> bool:
        """Whether a process that was not known has begun after the count did."""
        return pod.newborn and self._before.since is not None and pod.uid not in self._before.unheard

    def _first_answer(self, pod: PodLook, measured: Measured) -> None:
        if self._new(pod):
            self._grow(measured, {})
            return
        self.hosts |= {host for _, host, _ in measured.series.values() if host}
        if self._before.since is not None:
            self._lose(f"{pod.name} answers for the first time: what it counted before is not known")

    def _went_on(self, pod: PodLook, measured: Measured, was: _Known) -> None:
        fell = any(
            identity in was.series and value < was.series[identity][2]
            for identity, (_, _, value) in measured.series.items()
        )
        if fell:
            self._lose(f"{pod.name}: a counter was set back")
        gone = len(was.series.keys() - measured.series.keys())
        if gone:
            self._lose(f"{pod.name}: {gone} counters are gone (an Ingress or a route was removed?)")
        self._grow(measured, was.series, summed=pod.summed)

    def _grow(self, measured: Measured, was: Mapping[int, Series], *, summed: bool = False) -> None:
        for identity, (fields, host, value) in measured.series.items():
            before = was[identity][2] if identity in was else 0.0
            set_back = 0.0 if summed else value
            more = value - before if value >= before else set_back
            if host:
                self.hosts.add(host)
            for key in (_ALL_HOSTS, host) if host else (_ALL_HOSTS,):
                for name in fields:
                    self.grown[key, name] = self.grown.get((key, name), 0.0) + more

    def ended(self, there: set[str]) -> None:
        """The processes that are not there any more."""
        for uid in [uid for uid in self.known if uid not in there]:
            self._lose(f"{self.known[uid].name} has ended: what it counted since the last look is not known")
            del self.known[uid]
        if self.unheard - there:
            self._lose("a pod has ended that had never answered")
        self.unheard &= there

    def _lose(self, why: str) -> None:
        # before the first good look there is nothing that could be missing from the count
        if self._before.since is not None:
            self.problems.append(why)
            self.lost = True


def _began_anew(was: _Known, pod: PodLook, measured: Measured) -> bool:
    if pod.restarts != was.restarts:
        return True
    both = measured.started is not None and was.started is not None
    return both and abs((measured.started or 0.0) - (was.started or 0.0)) > _SAME_START_S
