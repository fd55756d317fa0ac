"""The cases of x509-limbo in our terms: which of them are the gate, and what our judge says of each.

As a program it prints docs/tls-limbo.md: ``python tests/wire_tls/tls_limbo.py LIMBO_CORE.json``.
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


_DOCUMENT = """\
# x509-limbo

{all} cases of [x509-limbo](https://x509-limbo.com), {paths} of them of its BetterTLS part, each judged as if
its chain had been served: limbo's SUCCESS is no FAIL, its FAILURE at least one. Printed by
`python tests/wire_tls/tls_limbo.py LIMBO_CORE.json`, held by `tests/wire_tls/test_tls_judge_limbo.py`.

The gate, by the cases' own fields:

- a server's chain (`validation_kind`), of no optional `features`, not of BetterTLS, and not of the groups
  {form}, which are about what an issuer has to write: {usual} cases;
- without those in which a CA certificate stands in the leaf's place, outside `webpki`, because limbo answers
  them both ways ({both}):
  **{gate}** cases, {good} to accept and {bad} to refuse;
- and all **{paths}** of BetterTLS, {ways} to accept.

Wrong on the gate: **{faults}**. Of the other {rest} these {count} are seen otherwise:

| case | limbo | Pointsman | why |
|---|---|---|---|
{rows}

Under private roots (`private_roots`) these {more} are accepted too, because private PKI does so and clients
do not mind:

| case | why |
|---|---|
{private}
"""


def document(cases: list[Case], reasons: dict[str, str], private: dict[str, str]) -> str:
    """docs/tls-limbo.md."""
    gate = [case for case in cases if case.in_gate]
    paths = [case for case in cases if case.path_building]
    wrong = list(differing(cases))
    return _DOCUMENT.format(
        all=len(cases),
        paths=len(paths),
        form=", ".join(ISSUERS_FORM),
        usual=sum(case.in_usual_gate for case in cases),
        both=", ".join(case.name for case in cases if case.in_usual_gate and not case.in_gate),
        gate=len(gate),
        good=sum(case.must_pass for case in gate),
        bad=sum(not case.must_pass for case in gate),
        ways=sum(case.must_pass for case in paths),
        faults=sum(case.in_gate or case.path_building for case, _ in wrong),
        rest=len(cases) - len(gate) - len(paths),
        count=len(wrong),
        rows="\n".join(_row(case, findings, reasons.get(case.name, "")) for case, findings in wrong),
        more=len(private),
        private="\n".join(f"| {name} | {why} |" for name, why in private.items()),
    )


def _row(case: Case, findings: tuple[Finding, ...], why: str) -> str:
    limbo_says = "accept" if case.must_pass else "refuse"
    we_say = max(findings, key=lambda one: one.verdict.badness)
    return f"| {case.name} | {limbo_says} | {we_say.verdict} {we_say.name} | {why} |"


if __name__ == "__main__":
    from test_tls_judge_limbo import PRIVATE_ALSO, reasons

    print(document(limbo(Path(sys.argv[1])), reasons(), PRIVATE_ALSO), end="")
