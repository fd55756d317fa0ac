"""What handshakes say beside their chains: failures, versions, protocols, client certificates. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Verdict
from .cause import Cause, fail, note, unknown, warn
from .certificate import UnreadableChainError, covers, parse_chain
from .evidence import leaf_line
from .facts import NO_ANSWER, Handshake, TlsFacts, TlsPolicy

OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
_TLS_ERRORS = {
    "not-tls": ("TLS005", Verdict.FAIL),
    "local": ("TLS006", Verdict.UNKNOWN),
    "not-tried": ("TLS006", Verdict.UNKNOWN),
}


def answered(handshake: Handshake) -> bool:
    """Whether the handshake came to its end, or only our missing client certificate ended it."""
    return not handshake.error or handshake.client_certificate_required


def refused(handshake: Handshake) -> bool:
    """Whether the server said no to what was offered; no answer at all is no such thing."""
    return not answered(handshake) and handshake.error not in NO_ANSWER


def failure_causes(facts: TlsFacts) -> Iterator[Cause]:
    """Handshakes with the name that failed: all of them, or some."""
    if not facts.named:
        yield unknown("TLS006", "no handshake was tried")
        return
    failed = [handshake for handshake in facts.named if not answered(handshake)]
    if not failed:
        return
    untried = [handshake for handshake in failed if handshake.error in ("local", "not-tried")]
    first = next((handshake for handshake in failed if handshake not in untried), failed[0])
    words = f"{clean(first.error, 20)}: {clean(first.error_detail, 160)}"
    if len(failed) == len(facts.named):
        rule, verdict = _TLS_ERRORS.get(first.error, ("TLS002", Verdict.FAIL))
        yield Cause(rule, verdict, f"handshake with {clean(facts.target.name, 120)} failed, {words}")
    elif len(failed) > len(untried):
        count = len(failed) - len(untried)
        yield fail("TLS003", f"{count} of {len(facts.named)} handshakes failed, {words}")
    if untried and len(untried) < len(facts.named):
        yield unknown("TLS006", f"{len(untried)} of {len(facts.named)} handshakes could not be tried")


def version_causes(facts: TlsFacts) -> Iterator[Cause]:
    """Outdated versions: alone, or still accepted beside current ones."""
    done = [handshake for handshake in facts.named if answered(handshake)]
    tried = {handshake.offer or handshake.version: handshake for handshake in facts.versions}
    accepted = [version for version, handshake in tried.items() if answered(handshake)]
    old = [version for version in accepted if version in OLD_VERSIONS]
    agreed = sorted({handshake.version for handshake in done if handshake.version in OLD_VERSIONS})
    if agreed:
        yield fail("TLS061", f"only {' and '.join(clean(one, 20) for one in agreed)} was agreed on")
    elif old:
        shown = " and ".join(clean(version, 20) for version in old)
        yield warn("TLS062", f"{shown} {'is' if len(old) == 1 else 'are'} accepted still, beside newer ones")
    newest = tried.get("TLSv1.3")
    if newest is not None and refused(newest) and not agreed and done:
        yield note("TLS063", "TLS 1.3 is not offered: handshakes take one round trip more")


def protocol_causes(facts: TlsFacts, policy: TlsPolicy) -> Iterator[Cause]:
    """A wanted protocol that was not agreed on, and clients of one protocol that are refused."""
    done = [handshake for handshake in facts.named if answered(handshake)]
    if policy.wanted_alpn and any(handshake.alpn not in policy.wanted_alpn for handshake in done):
        agreed = sorted({clean(handshake.alpn, 40) or "none" for handshake in done})
        wanted = " or ".join(clean(protocol, 40) for protocol in policy.wanted_alpn)
        yield warn("TLS060", f"agreed on {', '.join(agreed)}, wanted {wanted}")
    if not done:
        return
    for handshake in facts.alpn:
        # a server may well refuse what is no HTTP/1.1: a client of HTTP/1.1 alone is what must get through
        if refused(handshake) and handshake.offer in ("alpn", "alpn http/1.1"):
            spoken = clean(handshake.offer.removeprefix("alpn").strip(), 40)
            who = f"that speak only {spoken}" if spoken else "that offer no protocol (ALPN)"
            yield warn("TLS064", f"clients {who} are refused: {clean(handshake.error_detail, 120)}")


def client_certificate_causes(facts: TlsFacts) -> Iterator[Cause]:
    """A client certificate that the server wants, and whether it ends connections without one."""
    required = any(handshake.client_certificate_required for handshake in facts.named)
    asking = [handshake for handshake in facts.named if handshake.client_certificate_wanted]
    if required:
        yield warn("TLS007", "the server ends connections of clients that show no certificate")
    elif asking:
        some = (
            "" if len(asking) == len(facts.named) else f" in {len(asking)} of {len(facts.named)} handshakes"
        )
        yield warn(
            "TLS007", f"the server asks for a client certificate{some}; clients without one may be refused"
        )


def nameless_causes(facts: TlsFacts) -> Iterator[Cause]:
    """What clients meet that send no name; many proxies have nothing for them, and few clients are left."""
    other, host = facts.no_name, facts.target.name
    if other is None or not host or not any(answered(handshake) for handshake in facts.named):
        return
    if not other.chain:
        if refused(other):
            yield note("TLS008", f"clients that send no name are refused: {clean(other.error_detail, 120)}")
        return
    try:
        (leaf,) = parse_chain(other.chain[:1])
    except UnreadableChainError:
        yield note("TLS008", "clients that send no name get a certificate that cannot be read")
        return
    if not covers(leaf, host):
        yield note("TLS008", f"clients that send no name get another certificate: {leaf_line(other)}")
