"""The check that only a person can answer."""

from __future__ import annotations

from ...cluster.text import clean
from ...probes.verdict import Endpoint, Verdict, finding
from ...probes.wire.address import endpoint
from ..terms import Check
from .context import Answer, CheckContext


async def manual(context: CheckContext, check: Check) -> Answer:
    """UNKNOWN with the question, until somebody confirms the check by its id (``context.attested``)."""
    question = clean(str(check.params.get("question", "")), 300)
    subject = Endpoint(endpoint(context.plan.new.address, context.plan.port), context.plan.hosts[0])
    if check.id in context.attested:
        words = f"confirmed by hand: {question}"
        return Answer(words, (finding("CUT040", Verdict.PASS, subject, words),))
    words = f"nobody has confirmed yet: {question}"
    return Answer(words, (finding("CUT040", Verdict.UNKNOWN, subject, words),))
