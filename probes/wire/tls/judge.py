"""What a target's handshakes and chains mean. Pure: time and roots come with the policy."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from .causes import (
    Cause,
    authority_causes,
    extra_causes,
    known_default,
    leaf_causes,
    order_causes,
    organisation,
    path_causes,
    refused_cause,
    span,
    strength_causes,
)
from .chain import (
    UNREADABLE,
    ChainShape,
    UnreadableChainError,
    Validation,
    alternative_names,
    common_name,
    covers,
    parse_chain,
    parse_roots,
    shape,
    validate,
)
from .facts import Handshake, TlsFacts, TlsPolicy, reproduce

_OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
_TLS_ERRORS = {
    "not-tls": ("TLS005", Verdict.FAIL),
    "local": ("TLS006", Verdict.UNKNOWN),
}


def judge(facts: TlsFacts, policy: TlsPolicy) -> tuple[Finding, ...]:
    """The findings, at least one; a single PASS whose line is the headline where the chain holds."""
    causes: list[Cause] = []
    served = _distinct([handshake for handshake in facts.named if handshake.chain])
    failed = [handshake for handshake in facts.named if handshake.error]
    causes += _handshakes(facts, failed)
    headline = ""
    for handshake in served:
        try:
            with warnings.catch_warnings():
                # cryptography warns of odd serial numbers and the like on standard error
                warnings.simplefilter("ignore", UserWarning)
                more, headline = _chain(facts, handshake, policy)
        except UnreadableChainError as error:
            more = [Cause("TLS051", Verdict.FAIL, clean(error))]
        except (*UNREADABLE, OverflowError) as error:
            # a certificate that parses and then breaks on a detail: nothing is known of the rest
            more = [Cause("TLS051", Verdict.UNKNOWN, clean(f"cannot be judged: {type(error).__name__}"))]
        causes += more
    if len({handshake.chain[0] for handshake in served}) > 1:
        causes.append(_varying(facts, served))
    causes += _negotiated(facts, policy)
    if not causes:
        causes = [Cause("TLS001", Verdict.PASS, headline)]
    subject = Endpoint(clean(facts.target.endpoint, 80), clean(facts.target.name, 255))
    lines = _evidence(facts)
    command = reproduce(facts.target)
    if clean(command, len(command) + 1) != command:
        command = ""
    return tuple(
        finding(cause.rule, cause.verdict, subject, cause.summary, evidence=lines, reproduce=command)
        for cause in dict.fromkeys(causes)
    )


def _distinct(handshakes: list[Handshake]) -> list[Handshake]:
    """One handshake for each chain that was served, the first."""
    return list({handshake.chain: handshake for handshake in reversed(handshakes)}.values())[::-1]


def _handshakes(facts: TlsFacts, failed: list[Handshake]) -> Iterator[Cause]:
    if not facts.named:
        yield Cause("TLS006", Verdict.UNKNOWN, "no handshake was tried")
        return
    if not failed:
        return
    first = failed[0]
    words = f"{clean(first.error, 20)}: {clean(first.error_detail, 160)}"
    if len(failed) < len(facts.named):
        yield Cause("TLS003", Verdict.FAIL, f"{len(failed)} of {len(facts.named)} handshakes failed, {words}")
        return
    rule, verdict = _TLS_ERRORS.get(first.error, ("TLS002", Verdict.FAIL))
    yield Cause(rule, verdict, f"handshake with {clean(facts.target.name, 120)} failed, {words}")


def _varying(facts: TlsFacts, served: list[Handshake]) -> Cause:
    count = len({handshake.chain[0] for handshake in served})
    words = f"{count} different certificates in {len(facts.named)} handshakes with the same name"
    return Cause("TLS004", Verdict.WARN, words)


def _negotiated(facts: TlsFacts, policy: TlsPolicy) -> Iterator[Cause]:
    done = [handshake for handshake in facts.named if not handshake.error]
    for version in sorted({handshake.version for handshake in done if handshake.version in _OLD_VERSIONS}):
        yield Cause("TLS061", Verdict.FAIL, f"only {version} was agreed on")
    if policy.wanted_alpn and any(handshake.alpn not in policy.wanted_alpn for handshake in done):
        agreed = sorted({clean(handshake.alpn, 40) or "none" for handshake in done})
        wanted = " or ".join(clean(protocol, 40) for protocol in policy.wanted_alpn)
        yield Cause("TLS060", Verdict.WARN, f"agreed on {', '.join(agreed)}, wanted {wanted}")


def _chain(facts: TlsFacts, handshake: Handshake, policy: TlsPolicy) -> tuple[list[Cause], str]:
    """The causes for one served chain, and its headline."""
    chain = parse_chain(handshake.chain)
    roots = parse_roots(policy.roots_pem)
    leaf, host = chain[0], facts.target.name.rstrip(".").lower()
    default = known_default(leaf) or _generic_default(facts, handshake, leaf)
    form = shape(chain, roots)
    if default is not None:
        return [default], ""
    causes = list(leaf_causes(leaf, host, policy, staple=bool(handshake.staple)))
    causes += strength_causes(chain, form.path)
    causes += order_causes(chain, form)
    if not roots:
        causes.append(Cause("TLS019", Verdict.UNKNOWN, "no trusted roots were given to judge the chain by"))
        return causes, ""
    # with strangers in the chain the verifier's path may not be ours, and our own checks would miss it
    lax = policy.private_roots and not form.extras
    validation = validate(chain, roots, host, policy.now, lax)
    if validation.profile == "strict":
        causes += extra_causes(chain, form, policy.now)
    elif validation.profile == "private":
        # the laxer profile does not look at what CAs may do
        causes += authority_causes([chain[position] for position in form.path[1:]], host)
        causes += extra_causes(chain, form, policy.now)
    else:
        causes += path_causes(chain, form, host, policy.now)
        if not any(cause.verdict is Verdict.FAIL for cause in causes):
            causes.append(refused_cause(validation))
    return causes, _headline(handshake, leaf, form, validation, policy)


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
    words = f"the default certificate ({name}) is served{times}: the same as for an unknown name"
    return Cause("TLS032", Verdict.FAIL, clean(words))


def _headline(
    handshake: Handshake, leaf: x509.Certificate, form: ChainShape, validation: Validation, policy: TlsPolicy
) -> str:
    between = len(form.path) - 1 - form.root_sent
    middle = "no intermediate" if not between else f"{between} intermediate{'s' if between > 1 else ''}"
    root = "root known" if validation.profile == "strict" else "private root known"
    parts = ["leaf", middle, root, span(leaf.not_valid_after_utc - policy.now)]
    if handshake.alpn:
        parts.append(clean(handshake.alpn, 40))
    return ", ".join(parts)


def _evidence(facts: TlsFacts) -> tuple[str, ...]:
    lines: list[str] = []
    for handshake in _distinct(list(facts.named)):
        lines += _served_lines(handshake)
    for words, other in (("an unknown name", facts.random_name), ("no name", facts.no_name)):
        if other is not None:
            lines.append(f"asked with {words}: {_leaf_line(other)}")
    return tuple(lines[:40])


def _served_lines(handshake: Handshake) -> Iterator[str]:
    parts = (handshake.version, handshake.alpn, handshake.group, handshake.cipher)
    shown = " ".join(clean(part, 60) for part in parts if part)
    if handshake.error:
        shown = f"{shown} {clean(handshake.error, 20)}: {clean(handshake.error_detail, 160)}".strip()
    yield f"asked with {clean(handshake.sni, 200) or 'no name'}: {shown}"
    if handshake.client_certificate_wanted:
        yield "the server asks for a client certificate"
    for index in range(len(handshake.chain)):
        yield f"{index} {_certificate_line(handshake.chain[index])}"
    for complaint in handshake.verify_errors[:6]:
        yield f"openssl: {complaint.code} at depth {complaint.depth}: {clean(complaint.text, 120)}"


def _leaf_line(handshake: Handshake) -> str:
    if handshake.chain:
        return _certificate_line(handshake.chain[0])
    return f"{clean(handshake.error, 20) or 'nothing served'}: {clean(handshake.error_detail, 120)}"


def _certificate_line(text: str) -> str:
    try:
        (certificate,) = parse_chain((text,))
    except UnreadableChainError:
        return f"unreadable, {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
    digest = certificate.fingerprint(hashes.SHA256()).hex()[:16]
    ends = certificate.not_valid_after_utc
    subject = clean(common_name(certificate.subject), 120)
    return f"{subject}, by {organisation(certificate)}, until {ends:%Y-%m-%d}, sha256 {digest}"
