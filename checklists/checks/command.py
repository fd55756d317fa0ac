"""The check that runs the user's own program. Its contract: docs/plan.md."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ...cluster.text import clean
from ...probes.verdict import Endpoint, Finding, Verdict, finding, worst
from ...probes.wire.address import endpoint
from ..plans.model import Plan
from ..programs import Ended, environment, run_program
from ..terms import Check
from .context import Answer, CheckContext

TIMEOUT_S = 30.0
_MOST_FINDINGS = 50
_MOST_EVIDENCE = 20
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


async def own_command(context: CheckContext, check: Check) -> Answer:
    """Exit code 0 is PASS, 1 FAIL, all else UNKNOWN; a JSON object on standard output may say it better."""
    argv = tuple(map(str, check.params.get("run") or ()))
    told = json.dumps(told_to_command(context, check))
    ended = await run_program(
        argv,
        given=told.encode(),
        timeout_s=float(check.params.get("timeout", TIMEOUT_S)),
        env=environment(map(str, check.params.get("env") or ())),
        folder=check.params.get("folder") or None,
    )
    plan = context.plan
    subject = Endpoint(endpoint(plan.new.address, plan.port), plan.hosts[0])
    again = f"printf %s {shlex.quote(told)} | {shlex.join(argv)}"
    findings = tuple(_judged(ended, clean(argv[0] if argv else "", 120), subject, again))
    worst_one = max(findings, key=lambda item: item.verdict.badness)
    facts = {"command": {"run": list(argv), "exit_code": ended.code, "output_cut": ended.cut}}
    return Answer(worst_one.summary, findings, facts)


def told_to_command(context: CheckContext, check: Check) -> dict[str, Any]:
    """What the program reads on its standard input: which cutover this is, and nothing that is secret."""
    plan = context.plan
    return {
        "schema": "pointsman/v1",
        "check": {"id": check.id, "title": check.title},
        "gate": context.gate or "",
        "switched": context.switched,
        "plan": plan.name,
        "hosts": list(plan.hosts),
        "old": list(plan.old.addresses),
        "new": list(plan.new.addresses),
        "port": plan.port,
        "paths": _paths(plan),
        "gateway": str(plan.gateway),
        "ingress": [str(name) for name in plan.ingress],
        "routes": [str(name) for name in plan.routes],
        "zone": plan.dns.zone,
    }


def _paths(plan: Plan) -> list[dict[str, Any]]:
    return [{"host": host, "path": path.path, "statuses": list(path.statuses)} for host, path in plan.asked]


def _judged(ended: Ended, program: str, subject: Endpoint, again: str) -> Iterator[Finding]:
    if ended.code is None:
        words = f"{program} told nothing: {clean(ended.why, 120)}"
        yield finding("CUT042", Verdict.UNKNOWN, subject, words, evidence=_lines(ended), reproduce=again)
        return
    by_code = {0: Verdict.PASS, 1: Verdict.FAIL}.get(ended.code, Verdict.UNKNOWN)
    document = _document(ended.stdout)
    said = _VERDICTS.get(str(document.get("verdict"))) if document is not None else None
    if document is None or said is None:
        yield _by_code(ended, by_code, program, subject, again)
        return
    # of a document and an exit code that contradict each other the worse is believed
    verdict = said if ended.code == 0 else worst((said, by_code))
    evidence = [clean(str(item), 300) for item in _list(document.get("evidence"))[:_MOST_EVIDENCE]]
    if verdict is not said:
        evidence.append(f"exit code {ended.code}, though its document says {said.value}")
    rule = "CUT042" if verdict is Verdict.UNKNOWN else "CUT041"
    summary = clean(str(document.get("summary") or ""), 300) or f"{program} says {said.value}"
    yield finding(rule, verdict, subject, summary, evidence=evidence, reproduce=again)
    # the house's own commands print their findings; they are kept in their words
    for item in _list(document.get("findings"))[:_MOST_FINDINGS]:
        if isinstance(item, Mapping):
            yield _finding(item, subject, again)


def _finding(item: Mapping[str, Any], subject: Endpoint, again: str) -> Finding:
    verdict = _VERDICTS.get(str(item.get("verdict")), Verdict.UNKNOWN)
    rule = clean(str(item.get("rule") or ""), 20)
    summary = clean(f"{rule} {item.get('summary') or ''}".strip(), 300) or "a finding without words"
    evidence = [clean(str(line), 300) for line in _list(item.get("evidence"))[:_MOST_EVIDENCE]]
    why, mend = (clean(str(item.get(name) or ""), 300) for name in ("why", "mend"))
    return finding(
        "CUT041", verdict, subject, summary, why=why, mend=mend, evidence=evidence, reproduce=again
    )


def _by_code(ended: Ended, verdict: Verdict, program: str, subject: Endpoint, again: str) -> Finding:
    lines = _lines(ended)
    assert ended.code is not None
    how = f"exit code {ended.code}" if ended.code >= 0 else f"ended by signal {-ended.code}"
    summary = f"{program}: {lines[0].partition(': ')[2] if lines else how}"
    rule = "CUT042" if verdict is Verdict.UNKNOWN else "CUT041"
    return finding(rule, verdict, subject, clean(summary, 300), evidence=(how, *lines), reproduce=again)


def _lines(ended: Ended) -> tuple[str, ...]:
    """The first lines of what it wrote."""
    lines = [
        f"{name}: {clean(line, 300)}"
        for name, raw in (("stdout", ended.stdout), ("stderr", ended.stderr))
        for line in raw.decode("utf-8", "replace").splitlines()[:_MOST_EVIDENCE]
        if line.strip()
    ]
    return (*lines[:_MOST_EVIDENCE], *(("more was written, and not kept",) if ended.cut else ()))


def _document(raw: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
