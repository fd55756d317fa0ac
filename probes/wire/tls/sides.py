"""The old side against the new, and what is served against what ought to be. Pure.

Nothing of a Secret's data is needed: what is served is public, and a fingerprint names a certificate whole.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...verdict import Endpoint, Finding, finding
from .cause import Cause, fail, note, span, unknown, warn
from .certificate import (
    UNREADABLE,
    UnreadableChainError,
    alternative_names,
    common_name,
    covers,
    organisation,
    parse_chain,
    quiet,
)
from .chain import parse_roots, shape
from .evidence import leaf_line
from .facts import Handshake, TlsFacts, TlsPolicy, reproduce
from .findings import to_findings
from .negotiation import OLD_VERSIONS, answered, refused

_SHOWN = 5
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Side:
    """One side as its first full handshake with the name shows it."""

    facts: TlsFacts
    handshake: Handshake
    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]


def compare_sides(old: TlsFacts, new: TlsFacts, policy: TlsPolicy) -> tuple[Finding, ...]:
    """What a client would notice in TLS when it is moved from ``old`` to ``new``; at least one finding.

    A side that served nothing is UNKNOWN here: why, ``judge`` says. Only ``roots_pem`` of the policy is used.
    """
    subject = Endpoint(clean(new.target.endpoint, 80), clean(new.target.name, 255))
    sides = []
    for word, facts in (("old", old), ("new", new)):
        side = _side(facts)
        if isinstance(side, str):
            words = f"the {word} side ({clean(facts.target.endpoint, 80)}) {side}"
            return (finding("TLS095", unknown("TLS095", words).verdict, subject, clean(words)),)
        sides.append(side)
    was, now = sides
    try:
        with quiet():
            causes = [cause for compare in _COMPARISONS for cause in compare(was, now)]
            causes += _chains(was, now, policy)
    except (*UNREADABLE, OverflowError) as error:
        causes = [unknown("TLS095", f"a certificate cannot be compared: {type(error).__name__}")]
    if not causes:
        causes = [note("TLS080", f"both sides serve {leaf_line(now.handshake)}")]
    lines = tuple(
        f"{word} {clean(side.facts.target.endpoint, 80)}: {line}"
        for word, side in (("old", was), ("new", now))
        for line in (leaf_line(side.handshake), _agreed(side.handshake))
    )
    return to_findings(causes, subject, lines, _both(old, new))


def _both(old: TlsFacts, new: TlsFacts) -> str:
    commands = [reproduce(facts.target) for facts in (old, new)]
    command = "; ".join(commands)
    return command if clean(command, len(command) + 1) == command else ""


def _side(facts: TlsFacts) -> _Side | str:
    served = [handshake for handshake in facts.named if handshake.chain]
    if not served:
        first = facts.named[0] if facts.named else None
        return f"served no certificate ({clean(first.error, 20)})" if first else "was not asked"
    best = next((handshake for handshake in served if answered(handshake)), served[0])
    try:
        return _Side(facts, best, parse_chain(best.chain))
    except UnreadableChainError as error:
        return f"serves what cannot be read: {clean(error, 120)}"


def _agreed(handshake: Handshake) -> str:
    parts = (handshake.version, handshake.alpn or "no protocol", handshake.group)
    return " ".join(clean(part, 40) for part in parts if part)


def _names(was: _Side, now: _Side) -> Iterator[Cause]:
    names = alternative_names(was.leaf) or ((), ())
    lost = [name for name in (*names[0], *names[1]) if not _still_covered(name, now.leaf)]
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        yield fail("TLS081", f"the new certificate is not for {', '.join(lost[:_SHOWN])}{more}")


def _still_covered(name: str, leaf: x509.Certificate) -> bool:
    if not name.startswith("*."):
        return covers(leaf, name)
    names = alternative_names(leaf) or ((), ())
    return name.lower() in {one.lower() for one in names[0]}


def _leaves(was: _Side, now: _Side) -> Iterator[Cause]:
    if was.leaf == now.leaf:
        return
    yield note(
        "TLS082", f"another certificate: {_digest(was.leaf)[:16]} before, {_digest(now.leaf)[:16]} now"
    )
    if _key(was.leaf) != _key(now.leaf):
        yield warn("TLS083", "another key: clients that pin the public key, and DANE records, refuse it")
    if was.leaf.issuer != now.leaf.issuer:
        yield warn("TLS084", f"issued by {organisation(now.leaf)}, before by {organisation(was.leaf)}")
    earlier = was.leaf.not_valid_after_utc - now.leaf.not_valid_after_utc
    if earlier.total_seconds() > 0:
        ends = now.leaf.not_valid_after_utc
        yield warn(
            "TLS085", f"expires {span(earlier)} earlier than the old one, at {ends:%Y-%m-%d %H:%M} UTC"
        )


def _chains(was: _Side, now: _Side, policy: TlsPolicy) -> Iterator[Cause]:
    """Intermediates that differ, roots aside: those are nobody's business."""
    if was.leaf.issuer != now.leaf.issuer:
        return
    roots = parse_roots(policy.roots_pem)
    sent = []
    for side in (was, now):
        form = shape(side.chain, roots, policy.now)
        above = form.above(side.chain)
        sent.append({one for one in above if one.subject != one.issuer})
    for words, fewer in (("no longer sends", sent[0] - sent[1]), ("also sends", sent[1] - sent[0])):
        if fewer:
            names = ", ".join(sorted({common_name(one.subject) for one in fewer})[:_SHOWN])
            worse = warn if fewer & sent[0] else note
            yield worse("TLS093", f"the new side {words} the intermediate {names}")


def _versions(was: _Side, now: _Side) -> Iterator[Cause]:
    before, after = ({one.offer: one for one in side.facts.versions} for side in (was, now))
    if not before or not after:
        if was.handshake.version > now.handshake.version > "":
            words = (
                f"agreed on {clean(now.handshake.version, 20)}, before on {clean(was.handshake.version, 20)}"
            )
            yield warn("TLS086", words)
        return
    for version, handshake in before.items():
        other = after.get(version)
        if other is None:
            continue
        old_one = version in OLD_VERSIONS
        if answered(handshake) and refused(other):
            worse = note if old_one else warn
            yield worse("TLS086", f"{clean(version, 20)} is refused, and was accepted")
        elif old_one and refused(handshake) and answered(other):
            yield warn("TLS087", f"{clean(version, 20)} is accepted, and was refused")


def _protocols(was: _Side, now: _Side) -> Iterator[Cause]:
    before, after = _spoken(was), _spoken(now)
    for protocol in sorted(before - after):
        yield warn("TLS088", f"{clean(protocol, 40)} is not agreed on, and was before")


def _spoken(side: _Side) -> set[str]:
    handshakes = (side.handshake, *side.facts.alpn)
    return {one.alpn for one in handshakes if answered(one) and one.alpn}


def _strangers(was: _Side, now: _Side) -> Iterator[Cause]:
    yield from _stranger("TLS089", "clients that send no name", was, now, lambda facts: facts.no_name)
    yield from _stranger("TLS090", "unknown names", was, now, lambda facts: facts.random_name)


def _stranger(
    rule: str, who: str, was: _Side, now: _Side, pick: Callable[[TlsFacts], Handshake | None]
) -> Iterator[Cause]:
    before, after = pick(was.facts), pick(now.facts)
    if before is None or after is None:
        return
    kinds = [_met(side, handshake) for side, handshake in ((was, before), (now, after))]
    if "" in kinds or kinds[0] == kinds[1]:
        return
    # who got the host's own certificate and does not any more loses the host
    worse = warn if kinds[0] == _HOSTS else note
    yield worse(rule, f"{who} {kinds[1]}, before they {kinds[0]}")


_HOSTS = "got this host's certificate"


def _met(side: _Side, handshake: Handshake) -> str:
    """What a client met; empty where that is not known."""
    if handshake.chain:
        same = handshake.chain[0] == side.handshake.chain[0]
        return _HOSTS if same else "got another certificate"
    return "were refused" if refused(handshake) else ""


def _client_certificates(was: _Side, now: _Side) -> Iterator[Cause]:
    before, after = (
        any(one.client_certificate_wanted or one.client_certificate_required for one in side.facts.named)
        for side in (was, now)
    )
    if after and not before:
        yield fail("TLS091", "the new side wants a client certificate, the old one does not")
    elif before and not after:
        yield fail("TLS091", "the old side wants a client certificate, the new one lets everybody in")
    elif before:
        strict = [any(one.client_certificate_required for one in side.facts.named) for side in (was, now)]
        if strict[0] != strict[1]:
            words = "only the new side ends" if strict[1] else "only the old side ends"
            yield warn("TLS091", f"{words} connections of clients that show no certificate")


def _groups(was: _Side, now: _Side) -> Iterator[Cause]:
    before, after = was.handshake.group, now.handshake.group
    if before and after and before != after:
        yield note("TLS092", f"key exchange by {clean(after, 60)}, before by {clean(before, 60)}")


def _staples(was: _Side, now: _Side) -> Iterator[Cause]:
    if was.handshake.staple and not now.handshake.staple:
        yield warn("TLS094", "no OCSP staple is sent, and one was before")


_COMPARISONS: tuple[Callable[[_Side, _Side], Iterator[Cause]], ...] = (
    _names,
    _leaves,
    _versions,
    _protocols,
    _strangers,
    _client_certificates,
    _groups,
    _staples,
)


def _digest(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as people write it (colons, spaces, capitals, ``sha256:``) as 64 hex digits.

    Raises UserError for anything else.
    """
    bare = re.sub(r"^sha-?256( fingerprint)?[:=]", "", text.strip().lower())
    bare = re.sub(r"[\s:]", "", bare)
    if not _HEX.fullmatch(bare):
        raise UserError(
            f"{clean(text, 90)!r}: no SHA-256 fingerprint (64 hexadecimal digits)",
            "take it from: openssl x509 -in tls.crt -noout -fingerprint -sha256",
        )
    return bare


def compare_secret(
    facts: TlsFacts, wanted_sha256: str, wanted: Sequence[str] = (), source: str = ""
) -> tuple[Finding, ...]:
    """Whether the certificate that ought to be served (a Secret's, after its renewal) is.

    ``wanted_sha256`` is a fingerprint as ``fingerprint`` returns it. ``wanted`` may hold that certificate
    itself (base64 of DER, from a file that the user gave): then the words can say which of the two is newer,
    and whether the key changed too. ``source`` says where it came from. No Secret is read:
    from a fingerprint alone neither dates nor keys can be told, only same or not.
    """
    target = facts.target
    subject = Endpoint(clean(target.endpoint, 80), clean(target.name, 255))
    served: dict[str, int] = {}
    known: dict[str, Handshake] = {}
    for handshake in (*facts.named, *facts.keys):
        if handshake.chain:
            digest = _served_digest(handshake.chain[0])
            # the second certificate of a dual pair is served too, to clients of its key
            served[digest] = served.get(digest, 0) + 1
            known.setdefault(digest, handshake)
    command = f"{reproduce(target)} | openssl x509 -noout -fingerprint -sha256"
    if clean(command, len(command) + 1) != command:
        command = ""
    lines = [f"wanted sha256 {wanted_sha256}{f' ({clean(source, 120)})' if source else ''}"]
    lines += [f"served sha256 {digest}: {leaf_line(known[digest])}" for digest in served]
    if wanted:
        lines.append("compared: certificates whole, by fingerprint, and their public keys; no private key")
    else:
        lines.append("compared: the fingerprint alone; which of two certificates is newer it does not tell")
    cause = _secret_cause(served, known, wanted_sha256, wanted)
    return to_findings([cause], subject, lines, command)


def _served_digest(text: str) -> str:
    digest = hashes.Hash(hashes.SHA256())
    try:
        digest.update(base64.b64decode(text, validate=True))
    except ValueError:
        digest.update(text.encode("utf-8", "replace"))
    return digest.finalize().hex()


def _secret_cause(
    served: dict[str, int], known: dict[str, Handshake], wanted_sha256: str, wanted: Sequence[str]
) -> Cause:
    if not served:
        return unknown("TLS095", "nothing was served, so there is nothing to compare with")
    if wanted_sha256 in served:
        others = sum(count for digest, count in served.items() if digest != wanted_sha256)
        asked = {handshake.chain[0] for handshake in known.values() if not handshake.offer}
        if others and len(asked) > 1:
            total = sum(served.values())
            return fail(
                "TLS073", f"another certificate than the expected one is served in {others} of {total}"
            )
        return note("TLS074", f"the expected certificate is served ({wanted_sha256[:16]})")
    digest = next(iter(served))
    words = f"served is {digest[:16]}, expected {wanted_sha256[:16]}"
    return fail("TLS073", words + _which_is_newer(known[digest].chain[0], wanted))


def _which_is_newer(served: str, wanted: Sequence[str]) -> str:
    """What can be said beyond "another one"; nothing where only a fingerprint is known."""
    try:
        with quiet():
            (before,) = parse_chain((served,))
            (after,) = parse_chain(tuple(wanted[:1]))
            key = "the same key" if _key(before) == _key(after) else "another key"
            begins = (before.not_valid_before_utc, after.not_valid_before_utc)
    except (UnreadableChainError, ValueError, *UNREADABLE):
        return ""
    if begins[0] == begins[1]:
        return f"; both begin at the same time, with {key}"
    age = "an older one" if begins[0] < begins[1] else "a newer one"
    return f"; {age} is served, from {begins[0]:%Y-%m-%d} and not {begins[1]:%Y-%m-%d}, with {key}"
