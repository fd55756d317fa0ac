"""Reading conditions: polarity by type, True with a bad reason, staleness, vendors' own.

Sources: the API's doc comments (GatewayConditionType and its like), GEP-1364, and the controllers' sources
for conditions of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...cluster.objects import Condition
from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding, worst
from .words import condition_line, kubectl_get, summary_of

Judged = tuple[str, Verdict]


@dataclass(frozen=True, slots=True)
class Scope:
    """How the conditions of one kind of thing are read.

    ``positive`` types are bad unless True, ``negative`` ones bad when True and fine when absent; both map to
    a rule and the verdict when bad. Types in neither are somebody's own and say nothing here.
    """

    positive: Mapping[str, Judged]
    negative: Mapping[str, Judged]
    undecided: str
    bad_reason: str
    stale: str
    # the types of which at least one must be there for the thing to count as answered
    core: frozenset[str] = frozenset({"Accepted"})
    overridden: str = ""
    extra_bad_reasons: frozenset[str] = field(default=frozenset())


# reasons that spoil a condition of status True
_BAD_REASONS = frozenset(
    {
        "ListenersNotValid",
        "UnsupportedField",
        "UnsupportedValue",
        "Invalid",
        "InvalidParameters",
        "PartiallyProgrammed",
        "PartiallyInvalid",
        "PartiallyInvalidCertificateRef",
        "NotReconciled",
    }
)
_LOSING_REASONS = frozenset({"Conflicted", "Overridden"})
_WARN = Verdict.WARN
_FAIL = Verdict.FAIL

CLASS = Scope(
    positive={"Accepted": ("GW202", _FAIL), "SupportedVersion": ("GW504", _WARN)},
    negative={},
    undecided="GW213",
    bad_reason="GW207",
    stale="GW210",
)
GATEWAY = Scope(
    positive={"Accepted": ("GW204", _FAIL), "Programmed": ("GW205", _FAIL), "ResolvedRefs": ("GW208", _FAIL)},
    negative={"InsecureFrontendValidationMode": ("GW212", _WARN), "Warning": ("GW212", _WARN)},
    undecided="GW213",
    bad_reason="GW207",
    stale="GW210",
)
LISTENER = Scope(
    positive={"Accepted": ("GW302", _FAIL), "Programmed": ("GW303", _FAIL), "ResolvedRefs": ("GW304", _FAIL)},
    negative={
        "Conflicted": ("GW301", _FAIL),
        "OverlappingTLSConfig": ("GW305", _WARN),
        "Detached": ("GW303", _FAIL),
        "Warning": ("GW212", _WARN),
    },
    undecided="GW213",
    bad_reason="GW207",
    stale="GW210",
    core=frozenset({"Accepted", "Programmed", "ResolvedRefs", "Conflicted"}),
)
LISTENER_SET = Scope(
    positive={"Accepted": ("GW214", _FAIL), "Programmed": ("GW215", _FAIL)},
    negative={"Warning": ("GW212", _WARN)},
    undecided="GW213",
    bad_reason="GW207",
    stale="GW210",
)
ROUTE = Scope(
    positive={
        "Accepted": ("GW101", _FAIL),
        "ResolvedRefs": ("GW102", _FAIL),
        "Programmed": ("GW120", _FAIL),
        "kgateway.dev/Programmed": ("GW120", _FAIL),
        "gamma.cilium.io/GammaRoutesAttached": ("GW120", _FAIL),
        "gamma.cilium.io/GammaRoutesProgrammed": ("GW120", _FAIL),
        "BackendsAvailable": ("GW119", _FAIL),
    },
    negative={
        "PartiallyInvalid": ("GW110", _WARN),
        "RouteRulesOverlap": ("GW116", _WARN),
        "Overridden": ("GW115", _WARN),
        "Warning": ("GW115", _WARN),
        "Aggregated": ("GW115", _WARN),
    },
    undecided="GW114",
    bad_reason="GW118",
    stale="GW109",
)
POLICY = Scope(
    positive={
        "Accepted": ("GW401", _FAIL),
        "Programmed": ("GW401", _FAIL),
        "ResolvedRefs": ("GW407", _FAIL),
        "Attached": ("GW401", _WARN),
        "Enforced": ("GW401", _FAIL),
    },
    negative={
        "Overridden": ("GW402", _WARN),
        "Conflicted": ("GW402", _WARN),
        "Warning": ("GW406", _WARN),
        "Aggregated": ("GW406", _WARN),
    },
    undecided="GW408",
    bad_reason="GW406",
    stale="GW409",
    overridden="GW402",
)
BACKEND = Scope(
    positive={"Accepted": ("GW410", _FAIL), "ResolvedRefs": ("GW407", _FAIL)},
    negative={"Warning": ("GW406", _WARN)},
    undecided="GW408",
    bad_reason="GW406",
    stale="GW409",
)


def reasons_of(condition: Condition) -> tuple[str, ...]:
    """The reasons of a condition: Envoy Gateway joins several with commas."""
    reason = condition.reason
    if "," not in reason:
        return (reason,) if reason else ()
    return tuple(part.strip() for part in reason.split(",") if part.strip())


def is_unclaimed(conditions: Iterable[Condition]) -> bool:
    """Whether the CRD's default still stands: Accepted Unknown/Pending, so nobody has claimed the object."""
    return any(
        one.type == "Accepted"
        and one.status == "Unknown"
        and one.reason == "Pending"
        and (
            one.message.startswith("Waiting for controller")
            or (one.last_transition_time or "").startswith("1970")
        )
        for one in conditions
    )


def judge_conditions(
    scope: Scope,
    subject: ObjectRef,
    conditions: Iterable[Condition],
    generation: int,
    source: str = "",
    prefix: str = "",
) -> Iterator[Finding]:
    """The findings that a list of conditions gives rise to. ``source`` names who wrote them; ``prefix``
    stands before each summary and says where (a parent, an ancestor)."""
    conditions = tuple(conditions)
    for condition in conditions:
        judged = judge_condition(scope, condition)
        if judged is None:
            continue
        rule, verdict = judged
        yield finding(
            rule,
            verdict,
            subject,
            f"{prefix}{clean(condition.type, 80)}={clean(condition.status, 20)}, {summary_of(condition)}",
            evidence=[condition_line(condition, generation, source)],
            reproduce=kubectl_get(subject.whole),
        )
    behind = _stale(conditions, generation)
    if behind is not None:
        yield finding(
            scope.stale,
            Verdict.UNKNOWN,
            subject,
            f"{prefix}the status is for generation {behind.observed_generation}, "
            f"the object is at {generation}",
            evidence=[condition_line(behind, generation, source)],
            reproduce=kubectl_get(subject.whole),
        )


def judge_condition(scope: Scope, condition: Condition) -> Judged | None:
    """Rule and verdict of one condition; None where it is as it should be, or not ours to read."""
    if condition.type == "Invalid" and scope in (BACKEND, POLICY):
        # Envoy Gateway writes its Backend's condition with type and reason swapped: Invalid=False/Accepted
        # is a rejection, whatever its polarity seems to be
        return None if condition.status not in ("True", "False") else ("GW410", _FAIL)
    if condition.type in scope.positive:
        return _positive(scope, condition)
    if condition.type in scope.negative and condition.status == "True":
        rule, verdict = scope.negative[condition.type]
        if condition.type == "PartiallyInvalid" and condition.message.startswith("Dropped Rule"):
            verdict = _FAIL
        return rule, verdict
    return None


def _positive(scope: Scope, condition: Condition) -> Judged | None:
    rule, verdict = scope.positive[condition.type]
    reasons = reasons_of(condition)
    if condition.status == "True":
        return None if _BAD_REASONS.isdisjoint(reasons) else (scope.bad_reason, _WARN)
    if condition.status == "False":
        if scope.overridden and not _LOSING_REASONS.isdisjoint(reasons):
            return scope.overridden, _WARN
        return rule, verdict
    return scope.undecided, Verdict.UNKNOWN


def _stale(conditions: Iterable[Condition], generation: int) -> Condition | None:
    conditions = tuple(conditions)
    fell_back = any(
        one.type == "PartiallyInvalid" and one.status == "True" and one.message.startswith("Fall Back")
        for one in conditions
    )
    for condition in conditions:
        seen = condition.observed_generation
        if seen is None or not generation or seen >= generation:
            continue
        # after a fall back the last good version serves, and Accepted rightly speaks of that one
        if not (fell_back and condition.type == "Accepted"):
            return condition
    return None


def claimed_verdict(scope: Scope, conditions: Iterable[Condition], generation: int) -> Verdict:
    """What the conditions claim, taken together: UNKNOWN where they say nothing, or speak of an old spec."""
    conditions = tuple(conditions)
    if not any(condition.type in scope.core for condition in conditions):
        return Verdict.UNKNOWN
    judged = [judged[1] for one in conditions if (judged := judge_condition(scope, one)) is not None]
    if _stale(conditions, generation) is not None:
        judged.append(Verdict.UNKNOWN)
    return worst([Verdict.PASS, *judged])


def status_of(conditions: Iterable[Condition], condition_type: str) -> str:
    """The status of one type, empty where it is absent."""
    return next((one.status for one in conditions if one.type == condition_type), "")
