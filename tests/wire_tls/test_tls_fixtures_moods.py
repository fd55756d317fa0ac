"""What a server may do beside its certificate, by a server of this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from OpenSSL import SSL
from pointsman.probes.verdict import Finding, Verdict
from pointsman.probes.wire.tls.facts import TlsFacts
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import Case, cases, judged, target_of
from tls_fixture_server import ORDINARY, Choice, Mood, by_name, context_for, serving

USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")
RSA = next(one for one in cases() if one.name == "02-ok-rsa2048")
TRAEFIK = next(one for one in cases() if one.name == "24-traefik-default")
OTHER = next(one for one in cases() if one.name == "18-hostname-mismatch")


async def ask(
    choose: Choice, folder: Path, mood: Mood = ORDINARY, *, attempts: int = 1, full: bool = False
) -> tuple[TlsFacts, tuple[Finding, ...]]:
    """The facts and what is found, for the usual host."""
    async with serving(choose, mood) as port:
        target = target_of(USUAL, port, folder, attempts)
        facts = await observe(replace(target, depth="full" if full else "quick"))
    return facts, judged(USUAL, facts)


def against(findings: tuple[Finding, ...]) -> set[str]:
    return {one.name for one in findings if one.verdict is not Verdict.PASS}


@pytest.mark.parametrize("default", [TRAEFIK, OTHER], ids=["known by name", "known by its answers"])
@pytest.mark.parametrize("every", [2, 3])
async def test_a_default_certificate_now_and_then(default: Case, every: int, tmp_path: Path) -> None:
    good, bad = context_for(USUAL.fixture), context_for(default.fixture)
    asked = 0

    def choose(name: str) -> SSL.Context:
        nonlocal asked
        asked += name == USUAL.sni
        return good if name == USUAL.sni and asked % every else bad

    facts, findings = await ask(choose, tmp_path, attempts=3)
    assert len({one.chain for one in facts.named}) == 2
    assert against(findings) == {"default-cert", "certificate-varies"}


async def test_a_name_that_is_not_served_is_closed_on(tmp_path: Path) -> None:
    facts, findings = await ask(lambda _: None, tmp_path)
    assert facts.named[0].error == "reset"
    assert against(findings) == {"handshake-failed"}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_one_version_alone(version: str, tmp_path: Path) -> None:
    number = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}[version]
    mood = Mood(versions=(number, number))
    facts, findings = await ask(by_name(USUAL, mood), tmp_path, mood, full=True)
    assert [one.version for one in facts.versions if not one.error] == [version]
    assert not against(findings)


@pytest.mark.parametrize("wish", ["optional", "required"])
async def test_a_client_certificate(wish: str, tmp_path: Path) -> None:
    mood = Mood(client_certificate=wish)
    facts, findings = await ask(by_name(USUAL, mood), tmp_path, mood)
    assert facts.named[0].client_certificate_wanted
    assert facts.named[0].client_certificate_required is (wish == "required")
    assert against(findings) == {"client-certificate"}
    assert facts.named[0].chain, "what was served is judged all the same"


async def test_two_keys_are_both_seen(tmp_path: Path) -> None:
    both = context_for(USUAL.fixture, RSA.fixture)
    facts, findings = await ask(lambda _: both, tmp_path, full=True)
    assert len({one.chain[0] for one in facts.keys}) == 2
    assert not against(findings)
