"""Facts that nobody observed, for tests of the judges alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from pointsman.probes.verdict import Finding, Verdict
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsPolicy, TlsTarget
from tls_fixture_pki import NOW, Entity, issue_ca, issue_leaf

HOST = "shop.example.test"


@dataclass(frozen=True, slots=True)
class World:
    root: Entity
    above: Entity

    def leaf(self, *names: str, **options: Any) -> Entity:
        return issue_leaf(self.above, names or (HOST,), **options)

    def policy(self, **options: Any) -> TlsPolicy:
        return TlsPolicy(now=NOW, roots_pem=pem(self.root), **options)


@cache
def world() -> World:
    root = issue_ca("Judge Root")
    return World(root, issue_ca("Judge Intermediate", root))


def der64(entity: Entity) -> str:
    der = entity.certificate.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode("ascii")


def pem(*entities: Entity) -> str:
    return "".join(one.certificate.public_bytes(serialization.Encoding.PEM).decode() for one in entities)


def shaken(*chain: Entity, sni: str = HOST, **options: Any) -> Handshake:
    settings = {"version": "TLSv1.3", "alpn": "h2", "group": "X25519MLKEM768"} | options
    return Handshake(sni, tuple(der64(one) for one in chain), **settings)


def refusal(
    offer: str = "", sni: str = HOST, error: str = "alert", detail: str = "handshake failure"
) -> Handshake:
    return Handshake(sni, error=error, error_detail=detail, offer=offer)


def facts(*named: Handshake, host: str = HOST, address: str = "192.0.2.1", **options: Any) -> TlsFacts:
    return TlsFacts(TlsTarget(address, 443, host), named, **options)


def verdicts(findings: Sequence[Finding]) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in findings}


def words(findings: Sequence[Finding], name: str) -> str:
    return next(one.summary for one in findings if one.name == name)
