"""``pointsman probe tls --caa``: who issued what is served, held against a real answer of a resolver."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from click.testing import CliRunner
from pointsman.cluster.errors import UserError
from pointsman.probes.wire.tls.issuers import caa_domains
from pointsman.tui.cli import cli
from tls_fixture_kit import Case, cases, chain_pem
from tls_fixture_server import by_name, serving
from tls_wire_kit import in_thread

STAGING = next(one for one in cases() if one.name == "26-le-staging")
USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")


class _Resolver(asyncio.DatagramProtocol):
    """Answers CAA at one name, and nothing else; silent where ``values`` is None."""

    def __init__(self, owner: str, values: tuple[str, ...] | None) -> None:
        self.owner, self.values = owner, values
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.values is None:
            return
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        if question.rdtype == dns.rdatatype.CAA and question.name.to_text() == self.owner and self.values:
            reply.answer.append(dns.rrset.from_text(self.owner, 60, "IN", "CAA", *self.values))
        self.transport.sendto(reply.to_wire(), addr)


@contextlib.asynccontextmanager
async def resolving(owner: str, values: tuple[str, ...] | None) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Resolver(owner, values), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


def ask(folder: Path, case: Case, owner: str, values: tuple[str, ...] | None) -> dict[str, Any]:
    roots = folder / "roots.pem"
    roots.write_bytes(chain_pem(case.fixture.roots))
    host = case.ask.host
    with in_thread(serving(by_name(case))) as port, in_thread(resolving(owner, values)) as resolver:
        arguments = [f"127.0.0.1:{port}", "--name", host, "--ca", str(roots), "--quick", "--attempts", "1"]
        caa = ["--caa", "--resolver", f"127.0.0.1:{resolver}", "--timeout", "2", "-o", "json"]
        result = CliRunner().invoke(cli, ["probe", "tls", *arguments, *caa])
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize(
    ("case", "values", "verdict", "words"),
    [
        (STAGING, ('0 issue "letsencrypt.org"',), None, ""),
        (STAGING, (), None, ""),
        (STAGING, ('0 issue "pki.goog"', '0 issue "digicert.com"'), "FAIL", "allows"),
        (STAGING, ('0 issue ";"',), "FAIL", "allows nobody, not letsencrypt.org"),
        (USUAL, ('0 issue "pki.goog"',), "UNKNOWN", "is not known here"),
        (USUAL, (), None, ""),
    ],
)
def test_the_issuer_is_held_against_caa(
    tmp_path: Path, case: Case, values: tuple[str, ...], verdict: str | None, words: str
) -> None:
    host = case.ask.host
    parent = host.partition(".")[2]
    # the records stand at the parent: the name itself has none, so the climb has to find them (RFC 8659, 3)
    document = ask(tmp_path, case, f"{parent}.", values)
    told = [one for one in document["findings"] if one["rule"] == "DNS055"]
    assert [one["verdict"] for one in told] == ([verdict] if verdict else [])
    assert all(words in one["summary"] for one in told)
    (levels,) = [one["levels"] for one in document["facts"]["caa"] if one["name"] == host]
    assert [level["name"] for level in levels][:2] == [f"{host}.", f"{parent}."]


def test_a_resolver_that_is_silent_leaves_it_unknown(tmp_path: Path) -> None:
    document = ask(tmp_path, STAGING, "example.test.", None)
    (told,) = [one for one in document["findings"] if one["rule"] == "DNS055"]
    assert told["verdict"] == "UNKNOWN"


def test_mistakes_are_told_in_one_line() -> None:
    def complaint(*arguments: str) -> str:
        with pytest.raises(UserError) as caught:
            CliRunner().invoke(
                cli, ["probe", "tls", *arguments], standalone_mode=False, catch_exceptions=False
            )
        return str(caught.value)

    assert "--resolver goes with --caa" in complaint("127.0.0.1", "--name", "a.test", "--resolver", "::1")
    assert "--resolver nope" in complaint("127.0.0.1", "--name", "a.test", "--caa", "--resolver", "nope")
    assert "--caa and --targets do not go together" in complaint("--targets", "x", "--caa")


def test_an_authority_that_is_not_listed_is_not_guessed() -> None:
    assert caa_domains("Let's Encrypt") == ("letsencrypt.org",)
    assert caa_domains("Practice CA") == ()
    assert caa_domains("") == ()
