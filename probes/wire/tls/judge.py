"""What a target's handshakes and chains mean. Pure: time and roots come with the policy."""

from __future__ import annotations

from cryptography import x509

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict
from .cause import Cause, fail, note, warn
from .causes import known_default
from .certificate import (
    UNREADABLE,
    alternative_names,
    common_name,
    covers,
    quiet,
)
from .evidence import distinct, evidence
from .facts import Handshake, TlsFacts, TlsPolicy, reproduce
from .findings import to_findings
from .negotiation import (
    client_certificate_causes,
    failure_causes,
    nameless_causes,
    protocol_causes,
    version_causes,
)
from .served import judge_chain, readable
from .staple import staple_causes

_KEYS = {"key rsa": "the RSA certificate", "key ecdsa": "the ECDSA certificate"}


def judge(facts: TlsFacts, policy: TlsPolicy) -> tuple[Finding, ...]:
    """The findings, at least one. A chain that holds has one PASS whose line is its headline; other PASS are
    notes.
    """
    with quiet():
        return _judged(facts, policy)


def _judged(facts: TlsFacts, policy: TlsPolicy) -> tuple[Finding, ...]:
    causes: list[Cause] = list(failure_causes(facts))
    served = distinct(handshake for handshake in facts.named if handshake.chain)
    headline = ""
    for handshake in served:
        more, headline = _handshake(facts, handshake, policy)
        causes += more
    if len({handshake.chain[0] for handshake in served}) > 1:
        causes.append(_varying(facts, served))
    causes += _other_keys(facts, policy)
    causes += version_causes(facts)
    causes += protocol_causes(facts, policy)
    causes += client_certificate_causes(facts)
    if all(cause.verdict is Verdict.PASS for cause in causes):
        causes.insert(0, note("TLS001", headline) if served else _nothing_served(facts))
    causes += nameless_causes(facts)
    subject = Endpoint(clean(facts.target.endpoint, 80), clean(facts.target.name, 255))
    command = reproduce(facts.target)
    if clean(command, len(command) + 1) != command:
        command = ""
    return to_findings(causes, subject, evidence(facts), command)


def _nothing_served(facts: TlsFacts) -> Cause:
    """A handshake that came to its end without a certificate: anonymous or pre-shared keys."""
    return Cause("TLS006", Verdict.UNKNOWN, f"{clean(facts.target.endpoint, 80)} served no certificate")


def _varying(facts: TlsFacts, served: list[Handshake]) -> Cause:
    count = len({handshake.chain[0] for handshake in served})
    return warn(
        "TLS004", f"{count} different certificates in {len(facts.named)} handshakes with the same name"
    )


def _other_keys(facts: TlsFacts, policy: TlsPolicy) -> list[Cause]:
    """A second certificate for clients of the other key type, which a single handshake never shows."""
    known = {handshake.chain for handshake in facts.named}
    causes: list[Cause] = []
    for handshake in distinct(one for one in facts.keys if one.chain and one.chain not in known):
        more, _ = _handshake(facts, handshake, policy)
        what = _KEYS.get(handshake.offer, "the other certificate")
        causes += [cause.about(what) for cause in more if cause.verdict is not Verdict.PASS]
    return causes


def _handshake(facts: TlsFacts, handshake: Handshake, policy: TlsPolicy) -> tuple[list[Cause], str]:
    """The causes for the chain and staple of one handshake, and its headline."""
    chain = readable(handshake.chain)
    if isinstance(chain, Cause):
        return [chain], ""
    try:
        default = known_default(chain[0]) or _generic_default(facts, handshake, chain[0])
    except UNREADABLE as error:
        return [Cause("TLS051", Verdict.UNKNOWN, clean(f"cannot be judged: {type(error).__name__}"))], ""
    if default is not None:
        return [default], ""
    verdict = judge_chain(chain, facts.target.name, policy, handshake.verify_errors)
    causes = list(verdict.causes)
    causes += staple_causes(handshake.staple, chain[0], verdict.issuer, policy.now)
    if handshake.certificates > len(chain):
        words = f"{handshake.certificates} certificates are sent; only the first {len(chain)} were looked at"
        causes.append(warn("TLS013", words))
    alpn = f", {clean(handshake.alpn, 40)}" if handshake.alpn else ""
    return causes, verdict.headline + alpn


def _generic_default(facts: TlsFacts, handshake: Handshake, leaf: x509.Certificate) -> Cause | None:
    """The same leaf for the host and for a name that cannot exist, and it is for neither."""
    others = (facts.random_name, facts.no_name)
    same = any(other is not None and other.chain[:1] == handshake.chain[:1] for other in others)
    if not facts.target.name or not same or covers(leaf, facts.target.name):
        return None
    name = common_name(leaf.subject)
    if alternative_names(leaf) is None and name.lower() == facts.target.name.lower():
        return None
    count = sum(one.chain[:1] == handshake.chain[:1] for one in facts.named)
    times = "" if count == len(facts.named) else f" in {count} of {len(facts.named)} handshakes"
    return fail(
        "TLS032", f"the default certificate ({name}) is served{times}: the same as for an unknown name"
    )
