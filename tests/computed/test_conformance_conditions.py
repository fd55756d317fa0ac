"""The conditions that the Gateway API's own conformance tests expect, against those that we compute.

An expectation counts as met when **every** object that the test means (``conformance_subjects.yaml``) has the
computed condition with that status and, where a reason is expected, with that reason as the weightiest.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conformance_kit import Expectation, computed, expected, subjects
from corpus_truth import needs_corpus
from pointsman.cluster.rules.computed import Computed, of_type

pytestmark = needs_corpus

# what no spec says, each with why
UNMET: dict[tuple[str, Expectation], str] = {
    (
        "GatewayInvalidTLSConfiguration",
        ("ListenerConditionResolvedRefs", "False", "ListenerReasonInvalidCertificateRef"),
    ): "one of its four Secrets holds no PEM, and of Secrets only the metadata are read; three are met",
    (
        "GatewayStaticAddresses",
        ("GatewayConditionAccepted", "False", "GatewayReasonUnsupportedAddress"),
    ): "whether an address type with a domain is supported only the controller knows: Unknown",
    (
        "GatewayStaticAddresses",
        ("GatewayConditionProgrammed", "False", "GatewayReasonAddressNotUsable"),
    ): "whether an address can be used only the network knows",
}

_PREFIX = re.compile(r"(ListenerSet|BackendTLSPolicy|Policy|Listener|Gateway|Route)Condition(\w+)")
_REASON = re.compile(r"(ListenerSet|BackendTLSPolicy|Policy|Listener|Gateway|Route)Reason(\w+)")
# a variable in the Go source: the reason of each of its cases, read there
_BY_SUBJECT = {
    "gateway-client-certificate-missing-reference-grant": "RefNotPermitted",
    "": "InvalidClientCertificateRef",
}


@dataclass(frozen=True)
class Wanted:
    """One expectation in plain words; ``scope`` is the kind of thing it is about."""

    test: str
    expectation: Expectation
    scope: str
    type: str
    status: str
    reason: str
    subjects: tuple[str, ...]

    def reason_for(self, subject: str) -> str:
        if self.reason != "resolveRefsReason":
            return self.reason
        return _BY_SUBJECT.get(subject, _BY_SUBJECT[""])

    def holds(self, subject: str, conditions: tuple[Computed, ...]) -> bool:
        found = of_type(conditions, self.type)
        reason = self.reason_for(subject)
        return found is not None and found.status == self.status and reason in ("", found.reason)

    def met(self) -> bool:
        everything = computed(self.test, self.expectation)
        return all(self.holds(one, everything[f"{self.scope}:{one}"]) for one in self.subjects)


def wanted() -> Iterator[Wanted]:
    for test, entry in expected().items():
        for raw in entry["expected_conditions"]:
            expectation: Expectation = (raw[0], raw[1], raw[2])
            prefix = _PREFIX.fullmatch(raw[0])
            assert prefix is not None, raw
            reason = _REASON.fullmatch(raw[2])
            scope = "Policy" if prefix[1] == "BackendTLSPolicy" else prefix[1]
            yield Wanted(
                test,
                expectation,
                scope,
                prefix[2],
                raw[1],
                reason[2] if reason else raw[2],
                subjects(test, expectation),
            )


def test_every_expectation_has_its_subjects() -> None:
    everything = list(wanted())
    assert len(everything) == 154
    assert len(expected()) == 70
    for one in everything:
        assert one.subjects, one
        known = computed(one.test, one.expectation)
        assert all(f"{one.scope}:{subject}" in known for subject in one.subjects), one


def test_the_computed_conditions_are_those_that_the_conformance_tests_expect() -> None:
    everything = list(wanted())
    unmet = {(one.test, one.expectation) for one in everything if not one.met()}
    assert unmet == set(UNMET), unmet ^ set(UNMET)
    assert 1 - len(unmet) / len(everything) >= 0.95


def test_nothing_else_of_a_test_is_called_so() -> None:
    """A fault that is expected of some objects is computed for no other object of the same test."""
    strays = []
    for one in wanted():
        if one.status != "False" or not one.reason or (one.test, one.expectation) in UNMET:
            continue
        for name, conditions in computed(one.test, one.expectation).items():
            scope, _, subject = name.partition(":")
            if scope == one.scope and subject not in one.subjects and one.holds(subject, conditions):
                strays.append((one.test, name, one.type, one.reason))
    assert not strays, strays


def rate(answers: dict[tuple[str, str], tuple[Computed, ...]]) -> float:
    everything = list(wanted())
    met = [
        all(one.holds(subject, answers[one.test, f"{one.scope}:{subject}"]) for subject in one.subjects)
        for one in everything
    ]
    return sum(met) / len(met)


@pytest.mark.parametrize("seed", range(5))
def test_answers_dealt_out_at_random_score_far_lower(seed: int) -> None:
    """The control: the same answers, each given to some other object of the same scope."""
    dealt: dict[tuple[str, str], tuple[Computed, ...]] = {}
    by_scope: dict[str, list[tuple[str, str]]] = {}
    for test in expected():
        for name in computed(test):
            by_scope.setdefault(name.partition(":")[0], []).append((test, name))
    shuffle = random.Random(seed)
    for names in by_scope.values():
        others = names.copy()
        shuffle.shuffle(others)
        for name, other in zip(names, others, strict=True):
            dealt[name] = computed(other[0])[other[1]]
    assert rate(dealt) < 0.6


def test_a_fixed_answer_scores_far_lower() -> None:
    """The other control: that all is well, of everything."""
    types = ("Accepted", "Programmed", "ResolvedRefs")
    fine = tuple(Computed(one, "True", (one,)) for one in types)
    answers = {(test, name): fine for test in expected() for name in computed(test)}
    assert rate(answers) < 0.5
