"""The check that sets the new side's answers beside the old side's."""

from __future__ import annotations

from ...probes.verdict import Verdict
from ...probes.wire.parity.judge import Compared, Policy, compare, facts_document, findings
from ...probes.wire.parity.observe import Pace, observe
from ...probes.wire.parity.question import Question, Side
from ...probes.wire.parity.waivers import Waiver
from ..plans.model import Plan
from ..terms import Check
from .context import Answer, CheckContext, url

DEADLINE_S = 600.0
_ROUNDS, _MOST_ROUNDS = 2, 12
_RATE_PER_S = 20.0
# the chain has a check of its own, which knows what a certificate is worth
_CERTIFICATES = Waiver(
    "/*", "PAR060", "each side may have its own; the TLS check judges it", where="TLS check"
)


async def same_answers(context: CheckContext, check: Check) -> Answer:
    """Every critical path of every host at old, new and old again: what a client would notice.

    Raises UserError where the plan's roots cannot be read.
    """
    plan = context.plan
    roots = plan.tls.ca_file or None
    policy = Policy(waivers=(*plan.accept, _CERTIFICATES))
    pace = Pace(
        rounds=max(1, int(check.params.get("rounds", _ROUNDS))),
        most_rounds=_MOST_ROUNDS,
        rate_per_s=float(check.params.get("rate_per_s", _RATE_PER_S)),
        deadline_s=DEADLINE_S - 10,
        # a check tells that something differs; `pointsman compare` finds the smallest request that shows it
        shrinks=False,
    )
    old, new = Side("old", plan.old.address, ca_file=roots), Side("new", plan.new.address, ca_file=roots)
    facts = await observe(_questions(plan), old, new, pace, policy=policy)
    compared = compare(facts, policy)
    return Answer(_headline(compared), findings(compared), {"parity": facts_document(compared)})


def _questions(plan: Plan) -> tuple[Question, ...]:
    return tuple(
        Question(url(plan, host, path.path), place="critical path", why="the plan names it", timeout_s=5.0)
        for host, path in plan.asked
    )


def _headline(compared: Compared) -> str:
    asked = len(compared.facts.answers)
    paths = f"{asked} path" if asked == 1 else f"{asked} paths"
    accepted = sum(group.waiver not in (None, _CERTIFICATES) for group in compared.groups)
    bad = [one for one in findings(compared) if one.verdict not in (Verdict.PASS, Verdict.SKIP)]
    if bad:
        return bad[0].summary
    more = f", {accepted} difference{'s' if accepted > 1 else ''} accepted by name" if accepted else ""
    return f"{paths} answered alike by both sides{more}"
