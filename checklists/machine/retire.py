"""How the old side is taken away once nobody uses it: commands that are shown, and never run. Pure.

The order matters. What can be undone comes first; deleting the Service gives its address back to the cloud,
which gives it to somebody else: from there no rollback is possible, so the TTL stays low until then.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict
from ...probes.watching.idle import IdleFacts, evidence, judge, missing, proof_words, rate_bound
from ..plans.model import ObjectName, Plan
from ..records.base import RecordChange
from .events import Event, OldSideCounted
from .state import State
from .words import change_words, clock_time

_RETIRING = ("soak", "done")
_MOST_WINDOWS = 500
_COLUMNS = (
    "NAMESPACE:.metadata.namespace,NAME:.metadata.name,CLASS:.spec.ingressClassName,HOSTS:.spec.rules[*].host"
)
# what the API server takes in no new object
_OF_THIS_OBJECT = "/^  (uid|resourceVersion|creationTimestamp|generation): /d"


class Instructions(Protocol):
    """A way of changing records that can say how a person makes a change."""

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """The change as an operator could make it by hand."""


@dataclass(frozen=True, slots=True)
class RetireStep:
    """One step. ``commands`` are shell lines; ``undo`` what takes it back, empty where nothing does.

    ``final``: from here there is no way back. ``verbatim``: the lines belong together and are indented as
    they have to be (a here document).
    """

    title: str
    commands: tuple[str, ...]
    why: str = ""
    undo: str = ""
    final: bool = False
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class RetireAdvice:
    """``verdict`` PASS: proven idle; FAIL: somebody uses it; UNKNOWN: it cannot be told, or not yet.

    ``said`` is the verdict in one line, ``not_yet`` what is missing, ``evidence`` the numbers behind it;
    ``findings`` are the judge's, none where the run is not at that point at all.
    """

    run_id: str
    hosts: tuple[str, ...]
    old: str
    verdict: Verdict
    said: str
    not_yet: tuple[str, ...]
    evidence: tuple[str, ...]
    steps: tuple[RetireStep, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether the old side may go."""
        return self.verdict is Verdict.PASS


def retire_advice(state: State, facts: IdleFacts, records: Instructions) -> RetireAdvice:
    """What to do with the old side of a run, and whether it is time. ``records`` only gives words."""
    plan = state.plan
    blocked = _not_retiring(state)
    found = judge(facts)[0]
    open_points = missing(facts)
    verdict, said = found.verdict, found.summary
    if blocked:
        verdict, said, open_points = Verdict.UNKNOWN, blocked, (blocked,)
    return RetireAdvice(
        run_id=state.run_id,
        hosts=plan.hosts,
        old=", ".join(plan.old.addresses),
        verdict=verdict,
        said=clean(said, 600),
        not_yet=() if verdict is Verdict.PASS else (open_points or (said,)),
        evidence=evidence(facts),
        steps=_steps(state, records),
        findings=() if blocked else judge(facts),
    )


def _not_retiring(state: State) -> str:
    if state.switched is None:
        return "the run has not switched: the old side carries the traffic"
    if state.returned is not None or state.rollback_asked:
        return "the run went back to the old side: it carries the traffic"
    phase = state.stopped_in if state.phase in ("stopped-at-gate", "held") else state.phase
    if state.phase == "held":
        return f"the run is held: {state.reason}"
    if phase not in _RETIRING:
        return f"the run is in phase {state.phase}: the soak comes first"
    if state.phase == "soak" and not state.soak_over:
        return "the soak is not over"
    return ""


def _steps(state: State, records: Instructions) -> tuple[RetireStep, ...]:
    plan = state.plan
    folder = f"retired-{_plain(plan.name)}"
    return (
        _backup(plan, folder),
        _others(plan),
        *_external_dns(plan),
        *_scale(plan, folder),
        _delete_ingress(plan, folder),
        _delete_service(plan),
        *_raise_ttl(state, records),
    )


def _backup(plan: Plan, folder: str) -> RetireStep:
    commands = [f"mkdir -m 700 {_q(folder)}"]
    for one in plan.ingress:
        get = f"kubectl -n {_q(one.namespace)} get ingress {_q(one.name)} -o yaml"
        commands.append(f"{get} | sed -E {_q(_OF_THIS_OBJECT)} > {_q(_copy(folder, one))}")
    pods = plan.traffic.old.pods
    if pods is not None:
        kinds = "deployments,daemonsets,horizontalpodautoscalers,services,configmaps"
        get = f"kubectl -n {_q(pods.namespace)} get {kinds} -l {_q(pods.selector)} -o yaml"
        commands.append(f"{get} > {_q(f'{folder}/controller.yaml')}")
    return RetireStep("keep a copy of what will be deleted", tuple(commands), undo="nothing to undo")


def _copy(folder: str, one: ObjectName) -> str:
    return f"{folder}/ingress-{_plain(one.namespace)}-{_plain(one.name)}.yaml"


def _others(plan: Plan) -> RetireStep:
    hosts = clean(", ".join(plan.hosts[:5]), 300) + (" and others" if len(plan.hosts) > 5 else "")
    return RetireStep(
        "see who else the old controller serves",
        (f"kubectl get ingress -A -o custom-columns={_q(_COLUMNS)}",),
        why=f"this proof is about {hosts} only: while the old controller serves any other host, delete the"
        " Ingress objects below, and leave the controller and its Service as they are",
        undo="nothing to undo",
    )


def _external_dns(plan: Plan) -> tuple[RetireStep, ...]:
    if not plan.ingress:
        return ()
    manages = plan.dns.provider == "external-dns"
    where = "manages these records" if manages else "may run in this cluster"
    look = f"-o jsonpath={_q('{.metadata.annotations}')}"
    return (
        RetireStep(
            "see that external-dns has let go of the Ingress",
            tuple(
                f"kubectl -n {_q(one.namespace)} get ingress {_q(one.name)} {look}" for one in plan.ingress
            ),
            why=f"external-dns {where}: with --policy=sync it deletes the records of an Ingress that it still"
            " owns when that is deleted; the HTTPRoute has to be their source by now",
            undo="nothing to undo",
        ),
    )


def _scale(plan: Plan, folder: str) -> tuple[RetireStep, ...]:
    pods = plan.traffic.old.pods
    if pods is None:
        return ()
    target = f"kubectl -n {_q(pods.namespace)}"
    selector = f"-l {_q(pods.selector)}"
    former = f"N as {folder}/controller.yaml has it"
    return (
        RetireStep(
            "scale the old controller to nothing, and wait",
            (
                f"{target} get deployments,horizontalpodautoscalers {selector}",
                f"{target} scale deployment {selector} --replicas=0",
                f"{target} wait --for=delete pod {selector} --timeout=5m",
            ),
            why="whoever still comes is refused now, and the way back takes seconds: wait a day before the"
            " next step; an autoscaler has to go first",
            undo=f"{target} scale deployment {selector} --replicas=N   ({former})",
        ),
    )


def _delete_ingress(plan: Plan, folder: str) -> RetireStep:
    commands = tuple(f"kubectl -n {_q(one.namespace)} delete ingress {_q(one.name)}" for one in plan.ingress)
    back = " ".join(f"-f {_q(_copy(folder, one))}" for one in plan.ingress)
    return RetireStep(
        "delete the Ingress objects",
        commands or ("# the plan names no Ingress: delete the one that routed these hosts",),
        why="certificates that are issued through them (HTTP-01) are not renewed any more",
        undo=f"kubectl apply {back}" if back else "apply the copy that you kept",
    )


def _delete_service(plan: Plan) -> RetireStep:
    pods = plan.traffic.old.pods
    commands: tuple[str, ...]
    if pods is None:
        commands = (f"kubectl get services -A -o wide | grep -F {_q(plan.old.address)}",)
        commands += ("kubectl -n NAMESPACE delete service NAME",)
    else:
        commands = (f"kubectl -n {_q(pods.namespace)} get services -l {_q(pods.selector)} -o wide",)
        commands += (f"kubectl -n {_q(pods.namespace)} delete service NAME",)
    return RetireStep(
        f"delete the Service: the address {', '.join(plan.old.addresses)} is gone for good",
        commands,
        why="the point of no return: the address goes back to the provider, and may be somebody else's within"
        " minutes; allow-lists and pinned clients that name it would lead there",
        final=True,
    )


def _raise_ttl(state: State, records: Instructions) -> tuple[RetireStep, ...]:
    change = raise_ttl_change(state)
    if change is None:
        return ()
    return (
        RetireStep(
            f"raise the TTL again: {change_words(change)}",
            records.instructions(change),
            why="only now: as long as there was a way back, the low TTL kept it short",
            undo=f"lower it again: {change_words(change.inverted())}",
            verbatim=True,
        ),
    )


def raise_ttl_change(state: State) -> RecordChange | None:
    """The records of the new side with the TTL that the old ones had; None where that was low already."""
    if state.switched is None:
        return None
    before = state.switched.after
    ttls = [item.ttl for item in state.lowered.before] if state.lowered is not None else []
    ttl = max(ttls, default=0)
    if ttl <= max((item.ttl for item in before), default=0):
        return None
    after = tuple(replace(item, ttl=ttl) for item in before)
    return RecordChange("raise-ttl", state.plan.dns.zone, state.plan.hosts, before, after)


def retire_facts(state: State, events: Iterable[Event], facts: IdleFacts) -> dict[str, Any]:
    """The old side's quiet for a report: plain values, instants in epoch seconds."""
    counted = [event for event in events if isinstance(event, OldSideCounted)]
    return {
        "old": facts.old,
        "hosts": list(facts.hosts),
        "source": facts.source,
        "verdict": judge(facts)[0].verdict.value,
        "said": proof_words(facts) if not missing(facts) else judge(facts)[0].summary,
        "missing": list(missing(facts)),
        "evidence": list(evidence(facts)),
        "quiet_s": facts.quiet_s,
        "wanted_s": facts.wanted_s,
        "rate_bound_per_h": rate_bound(facts.quiet_s, facts.inferred) if facts.quiet_s > 0 else None,
        "drain_at": facts.drain_at,
        "drain": list(facts.drain_words),
        "ours": sum(event.ours for event in counted),
        "others": sum(event.others or 0.0 for event in counted),
        "unknown_s": sum(event.at - event.since for event in counted if event.others is None),
        "counts": _windows(counted),
        "waived": [f"{clock_time(waiver.at)} {waiver.check_id}: {waiver.reason}" for waiver in state.waivers],
    }


def _windows(counted: Sequence[OldSideCounted]) -> list[dict[str, Any]]:
    return [
        {
            "since": event.since,
            "until": event.at,
            "others": event.others,
            "ours": event.ours,
            "per_host": dict(event.per_host),
            "detail": event.detail,
        }
        for event in counted[-_MOST_WINDOWS:]
    ]


def _q(text: str) -> str:
    return shlex.quote(clean(text, 1000))


def _plain(text: str) -> str:
    """A part of a file's name that needs no quoting and leads nowhere else."""
    kept = "".join(
        character if character.isalnum() or character in "-_" else "-" for character in clean(text, 60)
    )
    return kept.strip("-") or "plan"
