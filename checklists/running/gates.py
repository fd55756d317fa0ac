"""Asking a gate's checks, and putting their answers on record."""

from __future__ import annotations

import time

from ...cluster.text import clean
from ...probes.verdict import worst
from ..checks.checklist import CheckContext, Checklist, run_checks
from ..journal.evidence import kept_facts
from ..journal.secrecy import blot_secrets
from ..machine.effects import RunGate
from ..machine.events import Checked, GateChecked, finding_to_json
from ..machine.state import checks_of
from ..terms import CheckResult
from . import quiet
from .desk import Desk


def _by_the_machine(desk: Desk, at: float | None) -> float | None:
    """An instant of the run by the machine's clock, which the probes go by, and which somebody may set."""
    return None if at is None else at + time.time() - desk.ports.clock()


async def run_gate(desk: Desk, effect: RunGate) -> None:
    """Ask every check of the gate."""
    checks = checks_of(desk.state.checks, effect.gate)
    # by now the soak's own watch runs, which is never finished: this gate is about the one that was
    watch = (desk.seen.passed if effect.gate == "after-switch" else None) or desk.seen.watch
    if effect.gate == "before-retire":
        await quiet.counted_to_now(desk)
    context = CheckContext(
        desk.state.plan,
        desk.ports.snapshots,
        effect.gate,
        watch,
        low_since=_by_the_machine(desk, desk.state.low_seen_at),
        old_ttl=desk.state.old_ttl,
        idle=quiet.facts_of(desk) if effect.gate == "before-retire" else None,
    )
    desk.seen.checking = tuple(check.id for check in checks)

    def progress(result: CheckResult) -> None:
        desk.seen.results = {**desk.seen.results, result.check.id: result}
        desk.seen.checking = tuple(check_id for check_id in desk.seen.checking if check_id != result.check.id)
        desk.changed()

    try:
        results = await run_checks(Checklist(effect.gate, effect.gate, checks), context, progress)
    finally:
        desk.seen.checking = ()
    answers = tuple(
        Checked(
            result.check.id,
            worst([result.verdict]),
            blot_secrets(clean(result.headline)),
            round(result.elapsed_ms, 1),
            tuple(blot_secrets(finding_to_json(item)) for item in result.findings),
            kept_facts(result.facts),
        )
        for result in results
    )
    desk.emit(effect, GateChecked(desk.ports.clock(), effect.gate, answers))
