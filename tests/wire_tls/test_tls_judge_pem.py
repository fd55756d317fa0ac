"""A chain in a file: bad files are one clear line, keys are never read, faults have their usual names."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.tls.pem import judge_pem, read_pem
from tls_fixture_kit import chain_pem, policy_of, shortfalls
from tls_fixture_pki import Entity
from tls_fixtures import Fixture, fixtures
from tls_judge_kit import HOST, pem, verdicts, words, world

PUBLIC_HALF = "openssl pkey -in tls.key -pubout -out tls.pub"


def public_pem(entity: Entity) -> str:
    key = entity.key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_bytes(serialization.Encoding.PEM, form).decode())


def private_pem(entity: Entity, form: serialization.PrivateFormat) -> str:
    encryption = serialization.NoEncryption()
    return str(entity.key.private_bytes(serialization.Encoding.PEM, form, encryption).decode())


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda one: one.name)
def test_a_fixture_has_the_same_faults_in_a_file(fixture: Fixture, tmp_path: Path) -> None:
    """All 48 but those whose fault is in the handshake: staples are not in files."""
    file, key = tmp_path / "tls.crt", tmp_path / "tls.pub"
    file.write_bytes(chain_pem(fixture.chain))
    spki = fixture.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key.write_bytes(spki)
    chain = read_pem(file, key if not fixture.servable else None)
    ask = fixture.asks[-1]
    findings = judge_pem(chain, ask.host, policy_of(fixture))
    if fixture.name[:2] in ("39", "41", "42", "43"):
        assert verdicts(findings) == {"chain-ok": Verdict.PASS}
    else:
        assert not shortfalls(ask, findings), [one.summary for one in findings]
    assert {str(one.subject) for one in findings} == {f"{ask.host} at tls.crt"}
    assert all(str(file) in one.reproduce and one.evidence for one in findings)


def test_the_leaf_is_found_wherever_it_stands(tmp_path: Path) -> None:
    leaf, above, root = world().leaf(), world().above, world().root
    file = tmp_path / "tls.crt"
    for order in ((leaf, above), (above, leaf), (root, above, leaf), (above, root, leaf)):
        file.write_text(pem(*order))
        findings = judge_pem(read_pem(file), HOST, world().policy())
        assert ("leaf-not-first" in verdicts(findings)) is (order[0] is not leaf)
        assert not {"name-mismatch", "incomplete-chain", "leaf-is-ca"} & set(verdicts(findings))
    assert (
        words(findings, "leaf-not-first") == f"{HOST} is certificate 3 of 3; Judge Intermediate comes first"
    )


def test_a_public_key_is_compared_with_the_leaf_s(tmp_path: Path) -> None:
    leaf, above = world().leaf(), world().above
    file, key = tmp_path / "tls.crt", tmp_path / "tls.pub"
    file.write_text(f"{pem(leaf, above)}some words between\n{public_pem(leaf)}")
    assert verdicts(judge_pem(read_pem(file), HOST, world().policy())) == {
        "chain-ok": Verdict.PASS,
        "key-matches": Verdict.PASS,
    }
    # a file of its own goes before what stands beside the chain
    key.write_text(public_pem(world().leaf()))
    findings = judge_pem(read_pem(file, key), HOST, world().policy())
    assert verdicts(findings) == {"key-mismatch": Verdict.FAIL}
    assert "tls.pub line 1" in words(findings, "key-mismatch")
    # the key tells which of two leaves is meant
    other = world().leaf()
    file.write_text(pem(other, above, leaf))
    key.write_text(public_pem(leaf))
    assert "leaf-not-first" in verdicts(judge_pem(read_pem(file, key), HOST, world().policy()))


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL", "OpenSSH"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_private_key_is_refused_unread(form: str, beside: bool, tmp_path: Path) -> None:
    leaf = world().leaf()
    text = private_pem(leaf, getattr(serialization.PrivateFormat, form))
    file, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    file.write_text(pem(leaf) if beside else pem(leaf) + text)
    key.write_text(text)
    with pytest.raises(UserError) as raised:
        read_pem(file, key if beside else None)
    line = 1 if beside else pem(leaf).count("\n") + 1
    told = str(raised.value)
    assert told.startswith(
        f"{key if beside else file} line {line}: a PRIVATE KEY, which Pointsman does not read"
    )
    assert PUBLIC_HALF in told
    assert not held(raised.value, text.splitlines()[1])


def held(error: BaseException | None, secret: str) -> list[str]:
    """The functions of ours in which a traceback of the error would show ``secret``."""
    found = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            name = frame.f_code.co_name
            if not name.startswith("test_") and secret in repr(frame.f_locals):
                found.append(name)
        error = error.__cause__ or error.__context__
    return found


def broken_base64() -> str:
    lines = pem(world().leaf()).splitlines()
    return "\n".join([lines[0], "?" + lines[1], *lines[2:]])


def cut_body() -> str:
    lines = pem(world().leaf()).splitlines()
    return "\n".join([*lines[:3], lines[-1]])


BAD: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty", lambda: b"", ": is empty; give a PEM file such as tls.crt"),
    ("blank", lambda: b"\n\n", ": no PEM in it; give text that has"),
    ("words", lambda: b"hello\nworld\n", ": no PEM in it; give text that has"),
    (
        "der",
        lambda: world().leaf().certificate.public_bytes(serialization.Encoding.DER),
        ": is DER, not PEM; turn a certificate into PEM with: openssl x509 -inform der -in ",
    ),
    ("base64", lambda: broken_base64().encode(), " line 1: this CERTIFICATE is no base64; "),
    ("cut", lambda: cut_body().encode(), " line 1: this CERTIFICATE cannot be read: "),
    ("open", lambda: pem(world().leaf()).encode()[:-30], " line 1: CERTIFICATE begins and never ends; "),
    (
        "joined",
        lambda: pem(world().leaf()).encode().rstrip() + pem(world().above).encode(),
        ": a PEM mark that is not alone on its line; ",
    ),
    (
        "nested",
        lambda: pem(world().leaf()).encode()[:200] + b"\n" + pem(world().leaf()).encode(),
        " begins inside the ",
    ),
    ("ended", lambda: b"-----END CERTIFICATE-----\n", " line 1: CERTIFICATE ends and never began; "),
    ("garbage", lambda: pem(world().leaf()).encode() + b"\x00\xff\x01\n", ": neither PEM nor text; "),
    ("key", lambda: public_pem(world().leaf()).encode(), ": holds no CERTIFICATE; "),
    ("hundred", lambda: pem(*[world().leaf()] * 100).encode(), ": holds 100 certificates, more than 20; "),
    ("large", lambda: b"x" * 1_200_000, ": larger than 1 MiB; "),
    ("two keys", lambda: (pem(world().leaf()) + public_pem(world().leaf()) * 2).encode(), ""),
    (
        "other keys",
        lambda: (pem(world().leaf()) + public_pem(world().leaf()) + public_pem(world().above)).encode(),
        ": a second, different PUBLIC KEY; ",
    ),
]


@pytest.mark.parametrize(("what", "make", "told"), BAD, ids=[what for what, _, _ in BAD])
def test_a_bad_file_is_one_clear_line(
    what: str, make: Callable[[], bytes], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "tls.crt"
    file.write_bytes(make())
    if not told:
        assert read_pem(file).public_key
        return
    with pytest.raises(UserError) as raised:
        read_pem(file)
    assert told in str(raised.value)
    assert "tls.crt" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.mend


def test_files_that_are_not_there_and_keys_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_pem(tmp_path / "none.pem")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_pem(tmp_path)
    file = tmp_path / "tls.crt"
    file.write_text(pem(world().leaf()))
    with pytest.raises(UserError, match="holds no PUBLIC KEY"):
        read_pem(file, file)


def test_hostile_names_of_files_are_cleaned(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b[31m.crt"
    file.write_text(pem(world().leaf(), world().above))
    findings = judge_pem(read_pem(file), HOST, world().policy())
    assert all("\x1b" not in str(one.subject) and not one.reproduce for one in findings)
    file.write_text("nothing")
    with pytest.raises(UserError) as raised:
        read_pem(file)
    assert "\x1b" not in str(raised.value)


def test_random_files_never_raise_anything_else(tmp_path: Path) -> None:
    chance = random.Random(11)
    file = tmp_path / "tls.crt"
    whole = (pem(world().leaf(), world().above) + public_pem(world().leaf())).encode()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            spot = chance.randrange(len(data))
            data[spot : spot + chance.randrange(0, 3)] = bytes([chance.randrange(256)])
        file.write_bytes(data)
        try:
            chain = read_pem(file)
        except UserError:
            continue
        assert judge_pem(chain, HOST, world().policy())
