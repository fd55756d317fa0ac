"""The cases of x509-limbo in our terms: which of them are the gate, and what our judge says of each.

As a program it prints the table of the cases that are not as limbo expects, for docs/tls.md:
``python tests/wire_tls/tls_limbo.py LIMBO_CORE.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from pointsman.probes.verdict import Finding, Verdict
from pointsman.probes.wire.tls.certificate import UNREADABLE, is_ca, quiet
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsPolicy, TlsTarget, VerifyError
from pointsman.probes.wire.tls.judge import judge

# what an issuer must write into a certificate, and verifiers do not ask for
ISSUERS_FORM = ("webpki::cn", "webpki::aki", "rfc5280::aki", "rfc5280::ski")


@dataclass(frozen=True, slots=True)
class Case:
    """One case; ``raw`` is limbo's own object."""

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.raw["id"])

    @property
    def group(self) -> str:
        """The namespace, with the one below it where there is one: ``rfc5280::nc``."""
        return self.name.rpartition("::")[0]

    @property
    def path_building(self) -> bool:
        """BetterTLS: a gate of its own."""
        return self.group.startswith("bettertls")

    @property
    def must_pass(self) -> bool:
        return bool(self.raw["expected_result"] == "SUCCESS")

    @property
    def host(self) -> str:
        return str((self.raw["expected_peer_name"] or {}).get("value", ""))

    @property
    def now(self) -> datetime:
        given = self.raw["validation_time"]
        return datetime.fromisoformat(given) if given else datetime.now(UTC)

    @property
    def chain(self) -> tuple[str, ...]:
        """As it would be served: base64 of DER."""
        texts = (self.raw["peer_certificate"], *self.raw["untrusted_intermediates"])
        return tuple(text.split("-----")[2].replace("\n", "") for text in texts)

    @property
    def answered_both_ways(self) -> bool:
        """A CA certificate in the leaf's place: RFC 5280 takes it, limbo's ``webpki`` twins forbid it.

        The public profile holds with the latter.
        """
        if self.group.startswith("webpki"):
            return False
        with quiet():
            try:
                return is_ca(x509.load_pem_x509_certificate(self.raw["peer_certificate"].encode()))
            except UNREADABLE:
                return False

    @property
    def in_usual_gate(self) -> bool:
        """A server's chain, without what limbo marks as a feature that verifiers may lack (``features``),
        without what only an issuer has to heed (ISSUERS_FORM), and no BetterTLS.
        """
        usual = self.raw["validation_kind"] == "SERVER" and not self.raw["features"]
        return usual and not self.path_building and self.group not in ISSUERS_FORM

    @property
    def in_gate(self) -> bool:
        """Of the usual gate, and not one that limbo answers both ways."""
        return self.in_usual_gate and not self.answered_both_ways


def limbo(path: Path) -> list[Case]:
    """All cases of a limbo file."""
    return [Case(raw) for raw in json.loads(path.read_text())["testcases"]]


def judged(
    case: Case, private: bool = False, complaints: tuple[VerifyError, ...] = ()
) -> tuple[Finding, ...]:
    """What we say of the case as if it had been served."""
    shaken = Handshake(case.host, case.chain, complaints, version="TLSv1.3")
    facts = TlsFacts(TlsTarget("192.0.2.1", 443, case.host), (shaken,))
    roots = "".join(case.raw["trusted_certs"])
    return judge(facts, TlsPolicy(now=case.now, roots_pem=roots, private_roots=private))


def passes(findings: tuple[Finding, ...]) -> bool:
    """Limbo's SUCCESS: nothing fails."""
    return all(one.verdict is not Verdict.FAIL for one in findings)


def differing(cases: list[Case], private: bool = False) -> Iterator[tuple[Case, tuple[Finding, ...]]]:
    """The cases in which we are not of limbo's mind."""
    for case in cases:
        findings = judged(case, private)
        if passes(findings) is not case.must_pass:
            yield case, findings


def _table(cases: list[Case], reasons: dict[str, str]) -> Iterator[str]:
    yield "| case | limbo | we | why |"
    yield "|---|---|---|---|"
    for case, findings in differing(cases):
        limbo_says = "accept" if case.must_pass else "refuse"
        we_say = max(findings, key=lambda one: one.verdict.badness)
        why = reasons.get(case.name, "")
        yield f"| {case.name} | {limbo_says} | {we_say.verdict} {we_say.name} | {why} |"


if __name__ == "__main__":
    from test_tls_judge_limbo import reasons

    for row in _table(limbo(Path(sys.argv[1])), reasons()):
        print(row)
