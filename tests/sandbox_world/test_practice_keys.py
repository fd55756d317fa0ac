"""Key files as the practice world writes them and Pointsman reads them: any secret, comments anywhere."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pointsman.checklists.records import rfc2136
from pointsman.sandbox.dns_keys import TsigKey, read_key_file, write_key_file

SLASHES = base64.b64decode("aa//" * 10)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.binary(min_size=32, max_size=32))
@example(secret=SLASHES)
@example(secret=b"\xff" * 32)
def test_any_secret_survives_the_file(tmp_path: Path, secret: bytes) -> None:
    file = write_key_file(tmp_path / "a.key", TsigKey("practice.", secret))
    assert read_key_file(file).secret == secret
    assert rfc2136.read_key_file(file).secret == secret


@pytest.mark.parametrize("quote", ['"', ""])
def test_comments_are_left_out(tmp_path: Path, quote: str) -> None:
    file = tmp_path / "a.key"
    secret = base64.b64encode(SLASHES).decode()
    file.write_text(
        "// key old { secret x; };\n# another\nkey practice. { /* of { all */ algorithm hmac-sha256;//why\n"
        f" secret {quote}{secret}{quote}; }};\n"
    )
    assert read_key_file(file).secret == SLASHES
    assert rfc2136.read_key_file(file).secret == SLASHES
