"""Whatever stands in the documents: the judges end, and what they say is one clean line each."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.knowledge.annotation_table import FAMILIES
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.output import plain
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.twin.twin import twin_of
from pointsman.probes.state.world import World
from pointsman.tui.telling.twin import list_line, twin_facts, twin_lines
from twin_kit import NGINX, Json, gateway, ingress, policy, route, rule

KEYS = [key for family in FAMILIES for key in family.keys]
VALUES = ("true", "off", "1", "/x", "https://a/b", "http://[", "GRPC", "HTTPS", "$1", "\x1b[2J\n", "shop/x")
JUNK: tuple[Any, ...] = (
    None,
    "",
    0,
    -1,
    [],
    {},
    "\x1b[31m",
    ["a"],
    {"a": 1},
    True,
    1e9,
    "/",
    "*.",
    "(x+x+)+y",
)
REWRITE = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
WORLD: list[Json] = [
    *gateway(),
    ingress(("/", "Prefix", "a"), ("/x(.*)", "ImplementationSpecific", "b"), tls="cert"),
    route(
        rule(
            "/",
            "PathPrefix",
            "a",
            timeouts={"request": "1s"},
            filters=[
                {"type": "URLRewrite", "urlRewrite": REWRITE},
                {"type": "CORS", "cors": {"allowOrigins": ["*"]}},
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {"set": [{"name": "Host", "value": "x"}]},
                },
            ],
        )
    ),
    route(
        rule(
            "/", "PathPrefix", filters=[{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]
        ),
        name="plain",
        host="",
        section="http",
    ),
    policy("BackendTrafficPolicy", "HTTPRoute/web", {"timeout": {"http": {"requestTimeout": "1s"}}}),
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": "acme"},
        "spec": {
            "acme": {
                "solvers": [{"http01": {"ingress": {"class": "nginx"}}, "selector": {"dnsZones": ["x"]}}]
            }
        },
    },
]


def spoiled(value: Any, chance: random.Random) -> Any:
    """The same tree with junk in some places; kinds stay, so that it is still read."""
    if isinstance(value, dict):
        kept = ("kind", "apiVersion")
        return {
            key: chance.choice(JUNK) if chance.random() < 0.03 and key not in kept else spoiled(one, chance)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [chance.choice(JUNK) if chance.random() < 0.03 else spoiled(one, chance) for one in value]
    return value


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_no_document_stops_the_judges(seed: int) -> None:
    chance = random.Random(seed)
    documents = copy.deepcopy(WORLD)
    documents[2]["metadata"]["annotations"] = {
        "cert-manager.io/cluster-issuer": "acme",
        **{NGINX + key: chance.choice(VALUES) for key in chance.sample(KEYS, 12)},
    }
    snapshot = read_documents(one for one in spoiled(documents, chance) if isinstance(one, dict))
    for finding in diagnose(snapshot):
        assert all(text.isprintable() for text in (finding.summary, *finding.evidence))
    world = World(Scene(snapshot))
    for one in snapshot.ingresses.values():
        twin = twin_of(world, one)
        plain(twin_facts(twin))
        lines = [list_line(twin, (), 80), *twin_lines(twin, (), 80), *twin_lines(twin, (), 120)]
        assert all(span.text.isprintable() for line in lines for span in line)
