"""The practice world's objects in a real API server: it must take every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from controllers_build import crds_of
from live_admin import Admin
from live_apiserver import live_server
from live_build import why_not
from pointsman.sandbox.pki import PracticeCa
from pointsman.sandbox.scenario import list_scenarios, load_scenario
from pointsman.sandbox.scenario_expand import expand, fill_secret

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def with_crds(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Admin]:
    """A server with the CRDs that the scenarios need."""
    if reason := why_not():
        pytest.skip(reason)
    if not crds_of("envoy-gateway").is_dir():
        pytest.skip("no CRDs of Envoy Gateway: `make live` fetches them with Go")
    folder = tmp_path_factory.mktemp("practice")
    with live_server(folder) as server:
        admin = Admin(server)
        admin.install_crds(shared / "crds" / "v1.6.1-experimental")
        admin.install_crds(crds_of("envoy-gateway"))
        yield admin
        admin.close()


def test_every_scenario_is_taken(with_crds: Admin) -> None:
    authority = PracticeCa()
    values = {
        "old_address": "192.0.2.1",
        "new_address": "192.0.2.2",
        "zone": "shop.test",
        "ca_pem": authority.root_pem.decode().replace("\n", "\\n"),
    }
    refused = []
    for scenario in (load_scenario(one.name, values) for one in list_scenarios()):
        with_crds.sweep()
        for document in [*expand(scenario.documents), *expand(scenario.edits)]:
            document["metadata"].pop("creationTimestamp", None)
            if document["kind"] == "Secret" and document.get("type") == "kubernetes.io/tls":
                document = fill_secret(document, authority.issue(["shop.test"]).chain_pem)
            try:
                with_crds.apply(document)
            except RuntimeError as error:
                refused.append(f"{scenario.name}: {document['kind']} {document['metadata']['name']}: {error}")
    assert not refused
