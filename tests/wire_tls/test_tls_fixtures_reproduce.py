"""The command that a finding gives to reproduce it, run by a shell with the real openssl, shows the same."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import pytest
from pointsman.probes.wire.tls.facts import reproduce
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import Case, cases, found, judged, target_of
from tls_fixture_server import by_name, serving

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(found("openssl") is None, reason="needs openssl"),
]
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----", re.DOTALL)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_openssl_shows_the_same_chain_and_staple(case: Case, tmp_path: Path) -> None:
    async with serving(by_name(case)) as port:
        target = target_of(case, port, tmp_path)
        facts = await observe(target)
        shell = await asyncio.create_subprocess_shell(
            reproduce(target), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told = (await shell.communicate())[0].decode(errors="replace")
    (served,) = facts.named
    shown = [base64.b64encode(base64.b64decode(one)).decode() for one in _CERTIFICATE.findall(told)]
    assert tuple(shown) == served.chain, told[:500]
    assert ("OCSP Response Status: successful" in told) is bool(served.staple)
    assert all(one.reproduce == reproduce(target) for one in judged(case, facts))
