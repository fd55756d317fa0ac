"""What goes on record of what was seen: bounded, no secret, certificates as PEM."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.journal.evidence import CERTIFICATES, LEFT_OUT, LIMIT, kept_facts
from pointsman.checklists.journal.file import canonical
from pointsman.checklists.journal.secrecy import refuse_secrets
from pointsman.sandbox.pki import PracticeCa

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=6,
)
secret_words = st.sampled_from(
    [
        "-----BEGIN PRIVATE KEY-----",
        "Bearer abcdefghijklmnop",
        'secret "x"',
        "token",
        "Password",
        "authorization",
    ]
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=10) | secret_words, plain_values | secret_words, max_size=5))
def test_whatever_was_seen_can_be_journaled(facts: dict[str, Any]) -> None:
    kept = kept_facts(facts)
    refuse_secrets(kept)
    assert json.loads(canonical(kept)) == kept
    assert len(canonical(kept)) < 3 * LIMIT


def test_a_chain_stands_once_and_as_pem() -> None:
    pem = PracticeCa().root_pem.decode()
    der = base64.b64encode(base64.b64decode("".join(pem.splitlines()[1:-1]))).decode()
    handshake = {"chain": [der, der, "no base64!"], "version": "TLSv1.3"}
    kept = kept_facts({"tls": [{"named": [handshake], "alpn": [handshake]}]})
    [(digest, kept_pem)] = kept[CERTIFICATES].items()
    assert kept_pem.split() == pem.split()
    assert kept["tls"][0]["named"][0]["chain"] == [digest, digest, "no base64!"]
    assert str(kept).count("BEGIN CERTIFICATE") == 1


def test_of_what_is_too_long_the_beginning_is_kept_and_the_rest_is_said() -> None:
    many = {"new": [{"n": number, "text": "x" * 100} for number in range(2000)], "few": "words"}
    kept = kept_facts(many)
    assert len(canonical(kept)) <= LIMIT + 1000
    assert kept["new"][0] == many["new"][0]
    assert 100 < len(kept["new"]) < 2000
    assert kept["few"] == "words"
    assert kept[LEFT_OUT]["bytes"] > 200_000
    assert len(kept[LEFT_OUT]["sha256"]) == 64


def test_nothing_seen_is_nothing_kept() -> None:
    assert kept_facts({}) == {}
