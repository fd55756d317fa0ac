"""What applying documents would change: the findings that it would bring, and those that it would mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...cluster.overlay import Overlay, overlay, without_answers
from ...cluster.refs import ObjectRef
from ...cluster.snapshot import Snapshot
from ..verdict import Finding, Subject, Verdict, finding
from .diagnose import diagnose

# "nobody has answered yet" is no fault of a change that no controller has seen
_SILENCE = frozenset({"GW108", "GW112", "GW113", "GW201", "GW209"})
# a claim of before, held against specs that come after it, is no fault either: its next answer will tell
_DISAGREEMENT = frozenset({"GW117", "GW220", "GW221", "GW311", "GW420"})
_NO_ENDPOINTS = "GW106"


@dataclass(frozen=True, slots=True)
class Change:
    """``brought`` and ``mended`` follow from the specs; ``stays`` is wrong before and after.

    ``answers`` are findings of now that rest on what controllers say of objects that change: whether they
    stay, only their next answer can tell. ``added`` and ``changed`` count objects.
    """

    brought: tuple[Finding, ...]
    mended: tuple[Finding, ...]
    stays: tuple[Finding, ...]
    answers: tuple[Finding, ...]
    added: int
    changed: int


def change(base: Snapshot, over: Snapshot) -> Change:
    """The findings of ``base`` against those after the documents of ``over`` were applied to it.

    Both are judged once more without the answers to what changes, so that an old answer to an old spec is
    neither held against the new one nor in its favour.
    """
    laid = overlay(base, over)
    now = diagnose(base)
    before = diagnose(without_answers(base, laid.unanswered)) if laid.unanswered else now
    after = diagnose(without_answers(laid.snapshot, laid.unanswered))
    was, will = _keys(before), _keys(after)
    brought = [one for one in after if _key(one) not in was and not _awaits(one, laid)]
    refused = list(_not_served(base, over))
    # one that only silence gave rise to was never there to be mended
    mended = [one for one in before if _key(one) not in will and one.rule not in _SILENCE]
    gone = _keys(mended)
    return Change(
        brought=tuple(refused + brought),
        mended=tuple(mended),
        stays=tuple(one for one in now if _key(one) in will),
        answers=tuple(one for one in now if _key(one) not in will | gone),
        added=len(laid.added),
        changed=len(laid.changed),
    )


def _key(one: Finding) -> tuple[str, Verdict, Subject, str]:
    # the evidence may name neighbours that changed while the finding is the same
    return one.rule, one.verdict, one.subject, one.summary


def _keys(findings: Iterable[Finding]) -> set[tuple[str, Verdict, Subject, str]]:
    return {_key(one) for one in findings}


def _awaits(one: Finding, laid: Overlay) -> bool:
    """Whether it is only that no controller has answered the change yet."""
    if one.rule in _SILENCE or one.rule in _DISAGREEMENT:
        return True
    if one.rule != _NO_ENDPOINTS:
        return False
    # the endpoints of a Service come after it; the summary names the backend and then its port
    services = (ref for ref in laid.added if ref.kind == "Service")
    return any(one.summary.startswith(f"backend {ref}:") for ref in services)


def _not_served(base: Snapshot, over: Snapshot) -> Iterator[Finding]:
    for ref in _objects(over):
        if base.state_of(ref.kind).state == "absent":
            yield finding("GW007", Verdict.FAIL, ref, f"the cluster does not serve {ref.kind}")


def _objects(snapshot: Snapshot) -> Iterable[ObjectRef]:
    return (
        *snapshot.classes,
        *snapshot.gateways,
        *snapshot.listener_sets,
        *snapshot.routes,
        *snapshot.grants,
    )
