"""Checklists as data: loaded from YAML, bound to a plan, and run through the probe engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...cluster.errors import UserError
from ...probes.engine import Job, Progress, run_jobs
from ...probes.verdict import Endpoint, Result, Verdict
from ...probes.wire.address import endpoint
from ..plans.yamlmarks import Marked, load_marked
from ..terms import GATES, Check, CheckResult, Gate
from .cluster import routes_accepted
from .context import CheckContext, ProbeFunction
from .dns import dns_ttl
from .owner import dns_owner
from .parity import DEADLINE_S, same_answers
from .wire import cache_warm_up, error_watch, old_side_kept, requests, tls_chain

__all__ = ["CheckContext", "Checklist", "load_checklist", "run_checks"]

_SECONDS_A_REQUEST = 0.25
_BUILTIN = Path(__file__).parents[1] / "builtin"


@dataclass(frozen=True, slots=True)
class _Probe:
    run: ProbeFunction
    params: tuple[str, ...] = ()
    deadline_s: float = 30.0


PROBES: Mapping[str, _Probe] = {
    "routes-accepted": _Probe(routes_accepted),
    "requests": _Probe(requests, deadline_s=60.0),
    "parity": _Probe(same_answers, ("rounds", "rate_per_s"), deadline_s=DEADLINE_S),
    "tls-chain": _Probe(tls_chain),
    "cache-warm-up": _Probe(cache_warm_up, ("passes", "rate_per_s"), deadline_s=120.0),
    "dns-ttl": _Probe(dns_ttl),
    "dns-owner": _Probe(dns_owner),
    "error-watch": _Probe(error_watch, ("seconds",), deadline_s=120.0),
    "old-side-kept": _Probe(old_side_kept, deadline_s=60.0),
}


@dataclass(frozen=True, slots=True)
class Checklist:
    """An ordered list of checks."""

    name: str
    title: str
    checks: tuple[Check, ...]


def load_checklist(name_or_path: str | Path) -> Checklist:
    """A builtin checklist by name, or one's own by path. UserError names file, line and field."""
    text = str(name_or_path)
    if "/" in text or text.endswith((".yaml", ".yml")):
        return checklist_of(load_marked(Path(text)))
    known = sorted(path.stem for path in _BUILTIN.glob("*.yaml"))
    if text not in known:
        raise UserError(
            f"no builtin checklist {text!r}", f"there is {', '.join(known)}; your own is named by its path"
        )
    return checklist_of(load_marked(_BUILTIN / f"{text}.yaml"))


def checklist_of(document: Marked) -> Checklist:
    """The checklist in a parsed document."""
    fields = document.fields(
        ("apiVersion", "kind", "name", "title", "checks"), ("apiVersion", "kind", "checks")
    )
    fields["apiVersion"].choice(("pointsman/v1",))
    fields["kind"].choice(("Checklist",))
    checks = tuple(_check(item, number) for number, item in enumerate(fields["checks"].items(1), start=1))
    ids = [check.id for check in checks]
    for check in checks:
        if ids.count(check.id) > 1:
            fields["checks"].fail(f"two checks have the id {check.id}")
    name = fields["name"].text() if "name" in fields else Path(document.file).stem
    return Checklist(name, fields["title"].text() if "title" in fields else name, checks)


def _check(marked: Marked, number: int) -> Check:
    known = ("id", "number", "title", "probe", "gate", "again", "params", "why")
    fields = marked.fields(known, ("id", "title", "probe", "gate"))
    probe = fields["probe"].choice(PROBES)
    params = fields["params"].fields(PROBES[probe].params) if "params" in fields else {}
    for param in params.values():
        param.number(0, 3600)
    return Check(
        id=fields["id"].text(),
        number=fields["number"].whole(1, 999) if "number" in fields else number,
        title=fields["title"].text(),
        probe=probe,
        gate=_gate(fields["gate"]),
        why=" ".join(fields["why"].text().split()) if "why" in fields else "",
        params={name: param.plain() for name, param in params.items()},
        again=tuple(_gate(item) for item in fields["again"].items()) if "again" in fields else (),
    )


def _gate(marked: Marked) -> Gate:
    text = marked.choice(GATES)
    return next(gate for gate in GATES if gate == text)


async def run_checks(
    checklist: Checklist,
    context: CheckContext,
    on_progress: Callable[[CheckResult], None] | None = None,
    *,
    only: tuple[str, ...] | None = None,
    on_start: Callable[[Check], None] | None = None,
) -> tuple[CheckResult, ...]:
    """Run the checks (or ``only`` those ids) side by side; results in the checklist's order.

    A check that crashes or misses its deadline is UNKNOWN. Both callbacks are called in the event loop.
    """
    chosen = {check.id: check for check in checklist.checks if only is None or check.id in only}
    headlines: dict[str, str] = {}
    by_id: dict[str, CheckResult] = {}

    def progress(step: Progress) -> None:
        check = chosen[step.job_id]
        if step.state == "running" and on_start:
            on_start(check)
        if step.result is not None:
            by_id[check.id] = _result(check, step.result, headlines)
            if on_progress:
                on_progress(by_id[check.id])

    await run_jobs([_job(check, context, headlines) for check in chosen.values()], progress, concurrency=4)
    return tuple(by_id[check_id] for check_id in chosen)


def _job(check: Check, context: CheckContext, headlines: dict[str, str]) -> Job:
    plan = context.plan
    subject = Endpoint(endpoint(plan.new.address, plan.port), plan.hosts[0])
    run = partial(_run, check, context, headlines)
    # many hosts are asked a few at a time, so they get more of it
    requests = len(plan.hosts) * len(plan.paths)
    deadline_s = PROBES[check.probe].deadline_s + _SECONDS_A_REQUEST * (requests - 1)
    return Job(check.id, check.title, run, deadline_s, subject)


async def _run(check: Check, context: CheckContext, headlines: dict[str, str]) -> Result:
    answer = await PROBES[check.probe].run(context, check)
    headlines[check.id] = answer.headline
    return Result(check.probe, check.title, answer.findings, answer.facts)


def _result(check: Check, result: Result, headlines: dict[str, str]) -> CheckResult:
    # without a headline the probe did not come to its end, and the engine's own finding says why
    headline = headlines.get(check.id) or (result.findings[0].summary if result.findings else "no answer")
    # that nothing was found wrong is an answer only where something was looked at
    verdict = result.verdict if result.findings else Verdict.UNKNOWN
    return CheckResult(check, verdict, headline, result.findings, result.facts, result.elapsed_ms)
