from __future__ import annotations

import errno
import stat
from pathlib import Path

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.sandbox import loopback
from pointsman.sandbox.dns_keys import TsigKey, keyring, read_key_file, write_key_file
from pointsman.sandbox.errors import SandboxError


def test_a_key_file_is_private_and_reads_back(tmp_path: Path) -> None:
    key = TsigKey.generate("practice-key")
    path = write_key_file(tmp_path / "tsig.key", key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == key
    path.chmod(0o644)
    write_key_file(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(secret=st.binary(min_size=1, max_size=80), algorithm=st.sampled_from(["hmac-sha256", "hmac-sha512"]))
def test_every_secret_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes, algorithm: str
) -> None:
    key = TsigKey("k.shop.test", secret, algorithm)
    assert read_key_file(write_key_file(tmp_path_factory.getbasetemp() / "every.key", key)) == key


def test_other_hands_write_it_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "other.key"
    path.write_text(
        "// made by hand\n# and commented\n/* twice */\n"
        "key other { secret c2VjcmV0; algorithm HMAC-SHA256. ; };\n"
    )
    assert read_key_file(path) == TsigKey("other", b"secret")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no TSIG key"),
        ('key "a" { algorithm hmac-md5; secret "c2VjcmV0"; };', "algorithm is not one of"),
        ('key "a" { secret "c2VjcmV0"; };', "algorithm is not one of"),
        ('key "a" { algorithm hmac-sha256; secret "HUSH!!"; };', "cannot be read"),
        ('key "a..b" { algorithm hmac-sha256; secret "c2VjcmV0"; };', "cannot be read"),
        ('key "a" { algorithm hmac-sha256; };', "has no secret"),
    ],
)
def test_a_broken_key_file_is_one_clear_line_without_the_secret(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "broken.key"
    path.write_text(text)
    with pytest.raises(SandboxError, match=words) as caught:
        read_key_file(path)
    assert str(path) in str(caught.value)
    assert "HUSH" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_key_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"cannot read the TSIG key file .*none\.key: No such file"):
        read_key_file(tmp_path / "none.key")


def test_repr_shows_no_secret() -> None:
    key = TsigKey("practice-key", b"hush-hush")
    assert "hush" not in repr(key)
    assert list(keyring([key])) == [dns.name.from_text("practice-key")]


def test_the_loopback_address_that_everyone_has() -> None:
    assert loopback.can_bind("127.0.0.1")
    loopback.require("127.0.0.1")


@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0", "localhost", ""])
def test_only_loopback_is_practised_on(address: str) -> None:
    with pytest.raises(loopback.LoopbackError, match="is not a loopback address"):
        loopback.require(address)


def test_an_address_that_is_not_there_says_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def error_of(address: str) -> OSError | None:
        return None if address == "127.0.0.1" else OSError(errno.EADDRNOTAVAIL, "not available")

    monkeypatch.setattr(loopback, "_bind_error", error_of)
    monkeypatch.setattr(loopback.sys, "platform", "darwin")
    with pytest.raises(loopback.LoopbackError) as caught:
        loopback.require("127.0.0.1", "127.0.0.2", "127.0.0.3")
    assert str(caught.value) == (
        "this machine has no loopback address 127.0.0.2 and 127.0.0.3; add it: "
        "sudo ifconfig lo0 alias 127.0.0.2 up && sudo ifconfig lo0 alias 127.0.0.3 up"
    )
    monkeypatch.setattr(loopback.sys, "platform", "linux")
    with pytest.raises(ValueError, match=r"sudo ip address add 127\.0\.0\.2/8 dev lo$"):
        loopback.require("127.0.0.2")


def test_another_trouble_is_named_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_bind_error", lambda _: OSError(errno.EACCES, "Permission denied"))
    with pytest.raises(SandboxError, match=r"cannot listen on 127\.0\.0\.2: Permission denied"):
        loopback.require("127.0.0.2")
