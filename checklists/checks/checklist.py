"""Checklists as data: loaded from YAML, bound to a plan, and run through the probe engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...cluster.errors import UserError
from ...probes.engine import Job, Progress, run_jobs
from ...probes.verdict import Endpoint, Result, Verdict
from ...probes.wire.address import endpoint
from ..plans.yamlmarks import Marked, load_marked
from ..terms import GATES, MANUAL, Check, CheckResult, Gate
from . import params as read
from .cluster import routes_accepted
from .command import TIMEOUT_S, own_command
from .context import CheckContext, ProbeFunction
from .dns import dns_ttl
from .idle import old_side_idle
from .manual import manual
from .owner import dns_owner
from .parity import DEADLINE_S, same_answers
from .renewal import caa, renewal
from .wire import cache_warm_up, error_watch, old_side_kept, requests, tls_chain

__all__ = ["CheckContext", "Checklist", "load_checklist", "run_checks"]

_SECONDS_A_REQUEST = 0.25
_TO_END_IT_S = 5.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_BUILTIN = Path(__file__).parents[1] / "builtin"


@dataclass(frozen=True, slots=True)
class _Probe:
    """``params`` say how each is read; ``needs`` are those without which it asks nothing."""

    run: ProbeFunction
    params: Mapping[str, read.Param] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    deadline_s: float = 30.0


PROBES: Mapping[str, _Probe] = {
    "routes-accepted": _Probe(routes_accepted),
    "requests": _Probe(requests, deadline_s=60.0),
    "parity": _Probe(
        same_answers,
        {
            "rounds": read.whole(1, 12, "how often each path is asked of old, new and old again"),
            "rate_per_s": read.number(100, "requests a second, to all sides together"),
        },
        deadline_s=DEADLINE_S,
    ),
    "tls-chain": _Probe(tls_chain),
    "cache-warm-up": _Probe(
        cache_warm_up,
        {
            "passes": read.whole(1, 20, "how often each path is fetched"),
            "rate_per_s": read.number(100, "requests a second"),
        },
        deadline_s=120.0,
    ),
    "dns-ttl": _Probe(dns_ttl),
    "dns-owner": _Probe(dns_owner),
    "error-watch": _Probe(
        error_watch,
        {"seconds": read.number(3600, "seconds of requests to both sides, before the switch")},
        deadline_s=120.0,
    ),
    "old-side-kept": _Probe(old_side_kept, deadline_s=60.0),
    "old-side-idle": _Probe(old_side_idle),
    "renewal": _Probe(renewal),
    "caa": _Probe(caa, deadline_s=60.0),
    MANUAL: _Probe(manual, {"question": read.text("what a person has to answer with yes")}, ("question",)),
    "command": _Probe(
        own_command,
        {
            "run": read.program("the program and its arguments, a word each; no shell"),
            "timeout": read.seconds(3600, "until it is ended, with all that it started"),
            "env": read.variables("environment variables that it is given beside the usual ones"),
        },
        ("run",),
    ),
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
        return checklist_of(load_marked(Path(text)), Path(text).resolve().parent)
    known = _builtins()
    if text not in known:
        raise UserError(
            f"no builtin checklist {text!r}", f"there is {', '.join(known)}; your own is named by its path"
        )
    return checklist_of(load_marked(_BUILTIN / f"{text}.yaml"))


def checklist_of(document: Marked, folder: Path | None = None) -> Checklist:
    """The checklist in a parsed document; its own programs are relative to ``folder`` and run there."""
    fields = document.fields(
        ("apiVersion", "kind", "name", "title", "include", "leave_out", "checks"),
        ("apiVersion", "kind", "checks"),
    )
    fields["apiVersion"].choice(("pointsman/v1",))
    fields["kind"].choice(("Checklist",))
    items = fields["checks"].items(1)
    before = _included(fields) if "include" in fields else ()
    if "leave_out" in fields and not before:
        fields["leave_out"].fail("there is nothing to leave out", "name the builtin checklist: include")
    own = tuple(_check(item, number, folder) for number, item in enumerate(items, start=len(before) + 1))
    checks = (*before, *own)
    ids = [check.id for check in checks]
    for number, check in enumerate(own):
        if check.id in ids[: len(before) + number]:
            items[number].value["id"].fail(f"two checks have the id {check.id}", "each needs one of its own")
    name = fields["name"].text() if "name" in fields else Path(document.file).stem
    return Checklist(name, fields["title"].text() if "title" in fields else name, checks)


def _included(fields: Mapping[str, Marked]) -> tuple[Check, ...]:
    """The checks of a builtin checklist, less those that are left out; they stand before one's own."""
    name = fields["include"].choice(_builtins())
    checks = load_checklist(name).checks
    known = [check.id for check in checks]
    items = fields["leave_out"].items(1) if "leave_out" in fields else ()
    left_out = {item.choice(known) for item in items}
    kept = (check for check in checks if check.id not in left_out)
    return tuple(replace(check, number=number) for number, check in enumerate(kept, start=1))


def _builtins() -> list[str]:
    return sorted(path.stem for path in _BUILTIN.glob("*.yaml"))


def _check(marked: Marked, number: int, folder: Path | None) -> Check:
    known = ("id", "number", "title", "probe", "gate", "again", "params", "why")
    fields = marked.fields(known, ("id", "title", "probe", "gate"))
    probe = fields["probe"].choice(PROBES)
    return Check(
        id=_id(fields["id"]),
        number=fields["number"].whole(1, 999) if "number" in fields else number,
        title=fields["title"].text(),
        probe=probe,
        gate=_gate(fields["gate"]),
        why=" ".join(fields["why"].text().split()) if "why" in fields else "",
        params=_params(fields.get("params"), marked, PROBES[probe], folder),
        again=tuple(_gate(item) for item in fields["again"].items()) if "again" in fields else (),
    )


def _id(marked: Marked) -> str:
    text = marked.text()
    if not _ID.fullmatch(text):
        marked.fail("expected letters, digits, dots and dashes", "an id is typed on command lines")
    return text


def _params(given: Marked | None, check: Marked, probe: _Probe, folder: Path | None) -> dict[str, Any]:
    if given is None and probe.needs:
        check.child("params").fail("is missing", f"this probe needs {', '.join(probe.needs)}")
    fields = given.fields(probe.params, probe.needs) if given is not None else {}
    values = {name: probe.params[name].read(item) for name, item in fields.items()}
    if "run" in values and folder is not None:
        program, *words = values["run"]
        # as a shell would find it: by PATH, or where the checklist lies
        values["run"] = [str(folder / program) if "/" in program else program, *words]
        values["folder"] = str(folder)
    return values


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
    requests = len(plan.asked)
    deadline_s = PROBES[check.probe].deadline_s + _SECONDS_A_REQUEST * (requests - 1)
    if check.probe == "command":
        deadline_s = float(check.params.get("timeout", TIMEOUT_S)) + _TO_END_IT_S
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
