"""What the answers of both sides say: differences sorted by cause, grouped by behaviour. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ....cluster.text import clean
from ...catalogue import rule as rule_of
from ...verdict import Endpoint, Finding, Verdict, finding, worst
from . import commands
from .differences import Difference, differences, host_of, plain_changes
from .facts import Answers, ParityFacts
from .noise import Change, Standing, slower, weigh
from .question import STREAM, Question, request_to
from .waivers import Waiver, waiver_for

SLOWER_RATIO = 2.0
SLOWER_MS = 50.0
_SHOWN_REQUESTS = 8
# values that belong to one path alone: they do not tell one behaviour from another
_OWN_VALUES = frozenset({"location", "location query", "header etag", "header last-modified"})
# what the data plane does with every host alike
_OF_THE_DATA_PLANE = frozenset({"PAR026", "PAR027", "PAR028", "PAR029", "PAR063"})


def is_own(field: str) -> bool:
    """Whether a field's value is a path's own, so that the same change of it looks different elsewhere."""
    return field in _OWN_VALUES or field.startswith("body")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is accepted. A new side is slower from ``slower_ratio`` times and ``slower_ms`` on."""

    waivers: tuple[Waiver, ...] = ()
    slower_ratio: float = SLOWER_RATIO
    slower_ms: float = SLOWER_MS


@dataclass(frozen=True, slots=True)
class Group:
    """One behaviour that differs, with every request that shows it; the first stands for all."""

    key: str
    members: tuple[Difference, ...]
    waiver: Waiver | None = None

    @property
    def first(self) -> Difference:
        return self.members[0]

    @property
    def state(self) -> str:
        """waived, undecided or unexplained."""
        if self.waiver is not None:
            return "waived"
        return "undecided" if self.verdict is Verdict.UNKNOWN else "unexplained"

    @property
    def verdict(self) -> Verdict:
        """The worst of the members; a waived one passes, one that was asked too few times is UNKNOWN."""
        if self.waiver is not None:
            return Verdict.PASS
        if any(one.standing is Standing.PROVEN for one in self.members):
            return worst(one.verdict for one in self.members if one.standing is Standing.PROVEN)
        return Verdict.UNKNOWN


@dataclass(frozen=True)
class Compared:
    """All that was found out of one run."""

    facts: ParityFacts
    policy: Policy
    changes: tuple[tuple[Change, ...], ...]
    groups: tuple[Group, ...]

    @cached_property
    def verdict(self) -> Verdict:
        """The worst of all findings."""
        return worst(one.verdict for one in findings(self))

    def places(self) -> dict[str, dict[str, int]]:
        """For each kind of request how many were asked, and how many are waived, unexplained, undecided."""
        told: dict[str, dict[str, int]] = {}
        states: dict[Question, str] = {}
        rank = ("same", "noise", "waived", "undecided", "unexplained")
        for one, own in zip(self.facts.answers, self.changes, strict=True):
            noisy = any(change.standing is Standing.NOISE for change in own)
            states[one.question] = "noise" if noisy else "same"
            if not comparable(one):
                states[one.question] = "undecided"
        for group in self.groups:
            state = group.state
            for member in group.members:
                states[member.question] = max(states[member.question], state, key=rank.index)
        for one in self.facts.answers:
            question = one.question
            counted = told.setdefault(question.variant or question.place, dict.fromkeys(("asked", *rank), 0))
            counted["asked"] += 1
            counted[states[question]] += 1
        return told


def comparable(one: Answers) -> bool:
    """Whether the answers say anything: somebody answered, and not both sides with an error of their own.

    Where an edge or a variant is asked, that both sides fail is as good an answer as any.
    """
    asked = [round_ for round_ in one.rounds if round_.old.answered and round_.new.answered]
    if one.question.variant or not one.question.known:
        return bool(asked)
    return any(
        side.status is not None and side.status < 500
        for round_ in asked
        for side in (round_.old, round_.new, round_.again)
    )


def compare(facts: ParityFacts, policy: Policy | None = None) -> Compared:
    """Weighs, classifies and groups what was seen."""
    accepted = policy or Policy()
    changes = weigh(facts.answers)
    plain = plain_changes(facts.answers, changes)
    groups: dict[str, list[Difference]] = {}
    waived: dict[str, Waiver] = {}
    for one, own in zip(facts.answers, changes, strict=True):
        if not one.rounds:
            continue
        for difference in differences(one, own, plain):
            waiver = waiver_for(difference, accepted.waivers)
            key = _key(difference, waiver)
            groups.setdefault(key, []).append(difference)
            if waiver is not None:
                waived[key] = waiver
    made = (Group(key, _plainest_first(members), waived.get(key)) for key, members in groups.items())
    ordered = sorted(made, key=lambda group: (-group.verdict.badness, group.first.rule, group.key))
    return Compared(facts, accepted, changes, tuple(ordered))


def _key(difference: Difference, waiver: Waiver | None) -> str:
    field = "body" if difference.field.startswith("body") else difference.field
    host, values = host_of(difference.question), (difference.old, difference.new)
    if is_own(difference.field):
        values = ("", "")
    elif difference.rule in _OF_THE_DATA_PLANE:
        host, values = "", ("", difference.new)
    waived = f"{waiver.where} {waiver.path} {waiver.field}" if waiver else ""
    proven = "" if difference.standing is Standing.PROVEN else "open"
    parts = (difference.rule, host, field, *values, waived, proven)
    return "\x1f".join(parts)


def _plainest_first(members: Sequence[Difference]) -> tuple[Difference, ...]:
    def rank(one: Difference) -> tuple[bool, bool, int]:
        question = one.question
        return bool(question.variant), not question.known, len(question.url)

    return tuple(sorted(members, key=rank))


def judge(facts: ParityFacts, policy: Policy | None = None) -> tuple[Finding, ...]:
    """The findings, at least one; a single PASS where nothing differs."""
    return findings(compare(facts, policy))


def findings(compared: Compared) -> tuple[Finding, ...]:
    """The findings of a comparison, the worst first."""
    facts = compared.facts
    found = [group_finding(group, facts) for group in compared.groups]
    found += _slower(compared)
    found += _not_compared(facts)
    if not any(one.verdict is not Verdict.PASS for one in found):
        found.append(_same(compared))
    return tuple(sorted(found, key=lambda one: -one.verdict.badness))


def group_finding(group: Group, facts: ParityFacts) -> Finding:
    """The finding of one behaviour, with the pair of commands for its minimal request."""
    first = group.first
    question = facts.minimal.get(group.key, first.question)
    old, new = commands.pair(question, facts.old, facts.new)
    rule, summary = first.rule, _summary(group)
    if group.waiver is not None:
        rule = "PAR004"
        where = f" ({clean(group.waiver.where, 80)})" if group.waiver.where else ""
        summary = f"waived: {summary}: {clean(group.waiver.reason, 160)}{where}"
    elif group.verdict is Verdict.UNKNOWN:
        rule = "PAR003"
        summary = f"{summary}, seen in too few rounds to tell it from noise"
    mend = rule_of(first.rule).mend if rule == first.rule else ""
    return finding(
        rule,
        group.verdict,
        _subject(question, facts),
        summary,
        why=rule_of(first.rule).why if rule != "PAR004" else "",
        mend=mend,
        evidence=tuple(_evidence(group, question)),
        reproduce="; ".join(one for one in (old, new) if one),
    )


def _summary(group: Group) -> str:
    first = group.first
    title = rule_of(first.rule).title
    if title.partition(" ")[0][1:].islower() or title[1] == " ":
        # not a name, such as CORS or Strict-Transport-Security
        title = title[0].lower() + title[1:]
    count = len(group.members)
    more = f" and {count - 1} more" if count > 1 else ""
    return (
        f"{commands.words(first.question)}{more}: {title}: "
        f"{clean(first.field, 60)} {clean(first.old, 100)} became {clean(first.new, 100)}"
    )


def _evidence(group: Group, minimal: Question) -> Iterator[str]:
    first = group.first
    change = first.change
    yield f"old {clean(first.field, 60)}: {clean(first.old, 300)}"
    yield f"new {clean(first.field, 60)}: {clean(first.new, 300)}"
    floor = f"old against old differs in {change.restless}" if change.restless else "old against old never"
    yield f"seen in {change.new_odd} of {change.rounds} rounds, {floor}"
    if minimal != first.question:
        yield f"smallest request that shows it: {commands.words(minimal)}"
    if first.question.why:
        yield f"asked because: {clean(first.question.why, 160)}"
    others = group.members[1:]
    for other in others[:_SHOWN_REQUESTS]:
        yield f"also {commands.words(other.question)}"
    if len(others) > _SHOWN_REQUESTS:
        yield f"and {len(others) - _SHOWN_REQUESTS} more"


def _subject(question: Question, facts: ParityFacts) -> Endpoint:
    try:
        asked = request_to(question, facts.new).endpoint
    except ValueError:
        asked = facts.new.endpoint
    return Endpoint(clean(asked, 80), clean(host_of(question), 253))


def _slower(compared: Compared) -> Iterator[Finding]:
    facts, policy = compared.facts, compared.policy
    of_host: dict[str, list[Answers]] = {}
    for one in facts.answers:
        if one.question.variant != STREAM:
            of_host.setdefault(host_of(one.question), []).append(one)
    for host, answers in of_host.items():
        told = slower(answers, policy.slower_ratio, policy.slower_ms, len(of_host))
        if told is None:
            continue
        before, after, rounds = told
        asked = answers[0].question
        old, new = commands.pair(asked, facts.old, facts.new)
        yield finding(
            "PAR080",
            Verdict.WARN,
            _subject(asked, facts),
            f"{clean(host, 253)}: first byte after {after:.0f} ms, the old side's after {before:.0f} ms "
            f"(medians of {rounds} rounds)",
            evidence=(f"{after / max(before, 0.001):.1f} times as long",),
            reproduce="; ".join(one for one in (old, new) if one),
        )


def _not_compared(facts: ParityFacts) -> Iterator[Finding]:
    silent = [one for one in facts.answers if one.rounds and not comparable(one)]
    if silent:
        first = silent[0]
        last = first.rounds[-1]
        told = tuple(
            clean(f"{name}: {side.fields.get('status', side.error)} {side.error_detail}", 200).rstrip()
            for name, side in (("old", last.old), ("new", last.new))
        )
        old, new = commands.pair(first.question, facts.old, facts.new)
        count = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        yield finding(
            "PAR002",
            Verdict.UNKNOWN,
            _subject(first.question, facts),
            f"{commands.words(first.question)}{count}: neither side gave an answer to compare",
            evidence=told,
            reproduce="; ".join(one for one in (old, new) if one),
        )
    unasked = [one for one in facts.answers if not one.rounds]
    if unasked or facts.stopped:
        reason = clean(facts.stopped, 160) or "asking ended early"
        subject = Endpoint(clean(facts.new.endpoint, 80))
        words = f"{len(unasked)} of {len(facts.answers)} requests were not asked: {reason}"
        yield finding("PAR002", Verdict.UNKNOWN, subject, words)
    if not facts.answers:
        yield finding("PAR005", Verdict.UNKNOWN, Endpoint(clean(facts.new.endpoint, 80)), "nothing was asked")


def _same(compared: Compared) -> Finding:
    facts = compared.facts
    asked = len(facts.answers)
    hosts = sorted({host_of(one.question) for one in facts.answers})
    noisy = sum(any(c.standing is Standing.NOISE for c in own) for own in compared.changes)
    words = f"{asked} request{'s' if asked != 1 else ''}, no unexplained difference"
    if noisy:
        words += f" ({noisy} differ by noise: the old side differs from itself as often)"
    return finding(
        "PAR001",
        Verdict.PASS,
        Endpoint(clean(facts.new.endpoint, 80), clean(hosts[0], 253) if len(hosts) == 1 else ""),
        words,
        evidence=(f"{facts.requests} requests in rounds of old, new and old again",),
    )


def undecided(compared: Compared) -> tuple[int, ...]:
    """The places in ``facts.answers`` whose differences another round could decide."""
    return tuple(
        place
        for place, own in enumerate(compared.changes)
        if any(change.standing is Standing.OPEN for change in own)
    )


def facts_document(compared: Compared) -> Mapping[str, object]:
    """The facts for ``-o json``: every request with its state, every change with its counts."""
    facts = compared.facts
    return {
        "old": facts.old,
        "new": facts.new,
        "requests": facts.requests,
        "stopped": facts.stopped,
        "kinds": compared.places(),
        "questions": [
            {
                "request": one.question,
                "rounds": len(one.rounds),
                "old": one.rounds[-1].old if one.rounds else None,
                "new": one.rounds[-1].new if one.rounds else None,
                "changes": own,
            }
            for one, own in zip(facts.answers, compared.changes, strict=True)
        ],
    }
