"""The check that the old side is idle: nobody but our probes asks it any more."""

from __future__ import annotations

import msgspec

from ...probes.verdict import Endpoint, Verdict, finding
from ...probes.watching.idle import judge
from ...probes.wire.address import endpoint
from ..terms import Check
from .context import Answer, CheckContext


async def old_side_idle(context: CheckContext, check: Check) -> Answer:
    """At the gate before the old side is retired: its own count, the drain, and every resolver."""
    plan = context.plan
    subject = Endpoint(endpoint(plan.old.address, plan.port), plan.hosts[0])
    if context.gate != "before-retire":
        words = "whether anybody still uses the old side is asked when it is to be retired"
        return Answer(words, (finding("CUT006", Verdict.SKIP, subject, words),))
    if context.idle is None:
        words = "nothing is known of the old side's requests"
        return Answer(words, (finding("CUT062", Verdict.UNKNOWN, subject, words),))
    findings = judge(context.idle)
    return Answer(findings[0].summary, findings, {"idle": msgspec.to_builtins(context.idle)})
