"""What was seen, line by line, beside the findings. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ....cluster.text import clean
from .certificate import UNREADABLE, UnreadableChainError, common_name, organisation, parse_chain
from .facts import Handshake, TlsFacts

_MOST_LINES = 40
_MOST_COMPLAINTS = 6


def evidence(facts: TlsFacts) -> tuple[str, ...]:
    """The handshakes with the name, each chain once, and what was served for other names and offers."""
    lines: list[str] = []
    for handshake in distinct(facts.named):
        lines += _served_lines(handshake)
    for words, other in (("an unknown name", facts.random_name), ("no name", facts.no_name)):
        if other is not None:
            lines.append(f"asked with {words}: {leaf_line(other)}")
    known = {handshake.chain for handshake in facts.named}
    for handshake in distinct(one for one in facts.keys if one.chain and one.chain not in known):
        lines += _served_lines(handshake)
    if facts.versions:
        lines.append("versions: " + ", ".join(_offer(one, one.version) for one in facts.versions))
    if facts.alpn:
        lines.append("protocols: " + ", ".join(_offer(one, one.alpn or "none") for one in facts.alpn))
    return tuple(lines[:_MOST_LINES])


def distinct(handshakes: Iterable[Handshake]) -> list[Handshake]:
    """One handshake for each chain that was served, the first."""
    first: dict[tuple[str, ...], Handshake] = {}
    for handshake in handshakes:
        first.setdefault(handshake.chain, handshake)
    return list(first.values())


def _offer(handshake: Handshake, agreed: str) -> str:
    offer = clean(handshake.offer, 40)
    return f"{offer} {clean(handshake.error, 20)}" if handshake.error else f"{offer} -> {clean(agreed, 40)}"


def _served_lines(handshake: Handshake) -> Iterator[str]:
    parts = (handshake.version, handshake.alpn, handshake.group, handshake.cipher)
    shown = " ".join(clean(part, 60) for part in parts if part)
    if handshake.error:
        shown = f"{shown} {clean(handshake.error, 20)}: {clean(handshake.error_detail, 160)}".strip()
    offer = f" ({clean(handshake.offer, 40)})" if handshake.offer else ""
    yield f"asked with {clean(handshake.sni, 200) or 'no name'}{offer}: {shown}"
    if handshake.client_certificate_wanted:
        cas = ", ".join(clean(name, 60) for name in handshake.client_cas[:3])
        yield f"the server asks for a client certificate{f' of {cas}' if cas else ''}"
    for index in range(len(handshake.chain)):
        yield f"{index} {certificate_line(handshake.chain[index])}"
    for complaint in handshake.verify_errors[:_MOST_COMPLAINTS]:
        yield f"openssl: {complaint.code} at depth {complaint.depth}: {clean(complaint.text, 120)}"


def leaf_line(handshake: Handshake) -> str:
    """The leaf that was served, or why there is none."""
    if handshake.chain:
        return certificate_line(handshake.chain[0])
    return f"{clean(handshake.error, 20) or 'nothing served'}: {clean(handshake.error_detail, 120)}"


@lru_cache(maxsize=4096)
def certificate_line(text: str) -> str:
    """One certificate (base64 of DER) in one line: name, issuer, end, fingerprint."""
    try:
        (certificate,) = parse_chain((text,))
        digest = hashlib.sha256(base64.b64decode(text)).hexdigest()[:16]
        ends = certificate.not_valid_after_utc
        subject = clean(common_name(certificate.subject), 120)
        return f"{subject}, by {organisation(certificate)}, until {ends:%Y-%m-%d}, sha256 {digest}"
    except (UnreadableChainError, *UNREADABLE):
        return f"unreadable, {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
