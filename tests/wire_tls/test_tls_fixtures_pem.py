"""Fixtures read from a file: the two that no server takes, and the others judged as if they were served."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.tls.pem import judge_pem, read_pem
from tls_fixture_kit import Case, cases, chain_der, chain_pem, policy_of, shortfalls
from tls_fixtures import Fixture, fixtures

IN_SECRETS = tuple(one for one in fixtures() if not one.servable)
# what is wrong with these is their staple, which no file holds
STAPLES = ("39", "41", "42", "43")


def write(fixture: Fixture, folder: Path) -> tuple[Path, Path]:
    """The chain, and the public half of the key."""
    chain, public = folder / "tls.crt", folder / "tls.pub"
    chain.write_bytes(chain_pem(fixture.chain))
    public.write_bytes(
        fixture.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return chain, public


@pytest.mark.parametrize("fixture", IN_SECRETS, ids=lambda one: one.name)
def test_what_no_server_takes_is_found_in_its_file(fixture: Fixture, tmp_path: Path) -> None:
    chain, public = write(fixture, tmp_path)
    read = read_pem(chain, public)
    findings = judge_pem(read, fixture.host, policy_of(fixture))
    assert not shortfalls(fixture.asks[0], findings), [one.summary for one in findings]


def test_the_order_of_a_secret_is_seen_without_its_key(tmp_path: Path) -> None:
    (fixture,) = (one for one in IN_SECRETS if one.name.startswith("46"))
    chain, _ = write(fixture, tmp_path)
    findings = judge_pem(read_pem(chain), fixture.host, policy_of(fixture))
    assert not shortfalls(fixture.asks[0], findings), [one.summary for one in findings]


def test_without_a_key_nothing_is_said_of_it(tmp_path: Path) -> None:
    (fixture,) = (one for one in IN_SECRETS if one.name.startswith("45"))
    chain, _ = write(fixture, tmp_path)
    findings = judge_pem(read_pem(chain), fixture.host, policy_of(fixture))
    assert {one.name for one in findings} == {"chain-ok"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_file_is_judged_as_if_it_were_served(case: Case, tmp_path: Path) -> None:
    chain, public = write(case.fixture, tmp_path)
    read = read_pem(chain, public)
    assert read.chain == chain_der(case.fixture)
    findings = judge_pem(read, case.ask.host, policy_of(case.fixture))
    if case.name[:2] in STAPLES:
        assert worst(one.verdict for one in findings) is Verdict.PASS
    else:
        assert not shortfalls(case.ask, findings), [one.summary for one in findings]
    assert "key-matches" in {one.name for one in findings}
