"""Each annotation in a real nginx: what it does on the wire, and whether the product says the same.

``edges_nginx`` writes the directives that ingress-nginx would; nothing of the product is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from edges_application import applications
from edges_authority import Authority
from edges_client import Answer, Client
from edges_ingress import DIRECTIVES, PREFIX, Ingress, shop, zoo
from edges_nginx import HSTS, NGINX, OldSide, nginx
from edges_running import free_port
from pointsman.cluster.knowledge.annotation_table import family_of
from pointsman.cluster.routing.trace import Trace
from routing_kit import ingress_class, ingress_trace, service, world

real = [
    pytest.mark.real,
    pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)"),
]
SERVICES = ("store", "counted", "second", "pages", "pair", "limping")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("annotations")
    with ExitStack() as stack:
        ports = stack.enter_context(applications("store", "second", "pages", "pair-a", "pair-b"))
        services = {
            "store": (ports["store"],),
            "counted": (ports["store"],),
            "second": (ports["second"],),
            "pages": (ports["pages"],),
            "pair": (ports["pair-a"], ports["pair-b"]),
            "limping": (free_port("127.0.0.1"), ports["store"]),
        }
        served = Authority(folder).serves("zoo", ["*.zoo.test"])
        side = OldSide("127.0.0.1", free_port("127.0.0.1"), free_port("127.0.0.1"), served, services)
        stack.enter_context(nginx(folder / "nginx", side, zoo()))
        yield stack.enter_context(Client(side))


def _redirect(status: int, location: str) -> Callable[[Answer], bool]:
    return lambda answer: (answer.status, answer.headers.get("location")) == (status, location)


def _served(path: str, **told: str) -> Callable[[Answer], bool]:
    wanted = {"path": path, "name": "store", **told}
    return lambda answer: answer.status == 200 and wanted.items() <= answer.told.items()


def _status(status: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == status


# what nginx does with each; the trace is held to the same where it says that it knows
CASES: tuple[tuple[str, Callable[[Answer], bool]], ...] = (
    ("http://plain.zoo.test/shop/x", _redirect(308, "https://plain.zoo.test/shop/x")),
    ("http://plain.zoo.test/shop/x/", _redirect(308, "https://plain.zoo.test/shop/x")),
    ("http://plain.zoo.test/shop/?a=/", _redirect(308, "https://plain.zoo.test/shop/?a=")),
    ("https://plain.zoo.test/shop", _served("/shop")),
    ("https://plain.zoo.test/shop/x?y=1", _served("/shop/x?y=1")),
    ("https://plain.zoo.test//shop///x", _served("//shop///x")),
    ("https://plain.zoo.test/%73hop/x", _served("/%73hop/x")),
    ("https://plain.zoo.test/shop%2Fx", _served("/shop%2Fx")),
    ("https://plain.zoo.test/shopping", _status(404)),
    ("https://plain.zoo.test/../x", _status(400)),
    ("http://kept.zoo.test/shop/", _redirect(308, "https://kept.zoo.test/shop/")),
    ("http://both.zoo.test/x", _served("/x", **{"x-forwarded-proto": "http"})),
    ("https://both.zoo.test/x", _served("/x", **{"x-forwarded-proto": "https"})),
    ("http://bare.zoo.test/x", _served("/x")),
    ("https://bare.zoo.test/x", _served("/x")),
    ("http://forced.zoo.test/x", _redirect(308, "https://forced.zoo.test/x")),
    ("https://forced.zoo.test/x", _served("/x")),
    # the return comes before the way to https
    ("http://moved.zoo.test/old/x?y=1", _redirect(301, "https://new.test/old/x?y=1")),
    ("https://moved.zoo.test/old", _redirect(301, "https://new.test/old")),
    ("https://moved308.zoo.test/", _redirect(308, "https://new.test/x")),
    ("https://away.zoo.test/", _redirect(302, "https://b.test/")),
    ("http://root.zoo.test/", _redirect(302, "http://root.zoo.test/app")),
    ("https://root.zoo.test/?x=1", _redirect(302, "https://root.zoo.test/app")),
    ("https://root.zoo.test/app", _served("/app")),
    ("https://rewrite.zoo.test/go/a/b?q=1", _served("/new/a/b?q=1")),
    ("https://rewrite.zoo.test/GO/a", _served("/new/a")),
    ("https://rewrite.zoo.test/go/a%20b", _served("/new/a%20b")),
    ("https://elsewhere.zoo.test/go/a", _redirect(302, "https://other.test/a")),
    ("https://elsewhere.zoo.test/go/a?q=1", _redirect(302, "https://other.test/a?q=1")),
    ("http://elsewhere.zoo.test/go/a", _redirect(302, "https://other.test/a")),
    ("https://asked.zoo.test/go/a?q=1", _served("/new?from=a&q=1")),
    ("https://alias-two.zoo.test/x", _served("/x", host="alias-two.zoo.test")),
    ("https://nobody.zoo.test/x", _status(404)),
    ("https://listed.zoo.test/x", _status(403)),
    # who is kept out is sent to https first
    ("http://listed.zoo.test/x", _redirect(308, "https://listed.zoo.test/x")),
    ("https://errors.zoo.test/status/404", lambda one: (one.status, one.told["name"]) == (404, "pages")),
    ("https://errors.zoo.test/status/500", lambda one: (one.status, one.told["name"]) == (500, "store")),
    ("https://slow.zoo.test/slow?for=0.1", _served("/slow?for=0.1")),
    ("https://slow.zoo.test/slow?for=2.5", _status(504)),
    ("https://vhost.zoo.test/x", _served("/x", host="inner.test", **{"x-forwarded-prefix": "/outer"})),
    ("https://retried.zoo.test/x", _served("/x")),
)


def _snapshot_trace(url: str, ingresses: tuple[Ingress, ...]) -> Trace:
    documents = [one.document(age) for age, one in enumerate(ingresses)]
    backends = [one for name in SERVICES for one in service(name)]
    snapshot = world(ingress_class("nginx", "k8s.io/ingress-nginx"), backends, *documents)
    return ingress_trace(snapshot, f"'{url}'")


def _contradiction(found: Trace, answer: Answer) -> str:
    """What the trace says and nginx does not do; empty where they agree, or it says that it does not know."""
    outcome = found.outcome
    unsure = found.doubts or any("its effect is not worked out here" in note for note in found.notes)
    if unsure and outcome.kind != "redirect":
        return ""
    if outcome.kind == "redirect":
        real = (answer.status, answer.headers.get("location"))
        return "" if real == (outcome.status, outcome.location) else f"{outcome} and not {real}"
    if outcome.kind == "error":
        return "" if answer.status == outcome.status else f"{outcome} and not {answer.status}"
    if answer.status in (502, 504):
        # how long a backend takes is no matter of routing
        return ""
    name = found.shares[0].ref.name
    if answer.status in (301, 302, 308) or answer.told["name"] not in (name, *_behind(name)):
        return f"{name} and not {answer.status} {answer.headers.get('location', '')}"
    rewritten = [step.text.partition(" becomes ")[2] for step in found.steps if step.name == "rewrite-target"]
    wanted = rewritten[0] if rewritten else ""
    path = str(answer.told["path"])
    return "" if not wanted or path.replace("%20", " ").startswith(wanted) else f"{wanted} and not {path}"


def _behind(name: str) -> tuple[str, ...]:
    return {"limping": ("store",), "pair": ("pair-a", "pair-b")}.get(name, ())


class TestOnTheWire:
    pytestmark = real

    def test_each_does_what_is_said_of_it_and_the_trace_says_so(self, client: Client) -> None:
        wrong = []
        for url, holds in CASES:
            answer = client.ask(url)
            if not holds(answer):
                wrong.append(f"{url}: {answer.status} {answer.headers} {answer.body[:200]!r}")
            if said := _contradiction(_snapshot_trace(url, zoo()), answer):
                wrong.append(f"{url}: the trace says {said}")
        assert not wrong, "\n".join(wrong)

    def test_hsts_on_tls_alone(self, client: Client) -> None:
        assert client.ask("https://plain.zoo.test/shop").headers["strict-transport-security"] == HSTS
        assert "strict-transport-security" not in client.ask("http://both.zoo.test/x").headers
        framed = client.ask("https://snippet.zoo.test/x").headers
        assert (framed["x-frame-options"], framed["strict-transport-security"]) == ("DENY", HSTS)

    def test_cors(self, client: Client) -> None:
        mine, other = "https://app.zoo.test", "https://evil.test"
        allowed = client.ask("https://cors.zoo.test/x", Origin=mine).headers
        assert (allowed["access-control-allow-origin"], allowed["access-control-allow-credentials"]) == (
            mine,
            "true",
        )
        for origin in ({"Origin": other}, {}):
            refused = client.ask("https://cors.zoo.test/x", **origin).headers
            assert not any(name.startswith("access-control-") for name in refused)
        preflight = client.ask("https://cors.zoo.test/x", "OPTIONS", Origin=mine)
        assert (preflight.status, preflight.headers["access-control-max-age"]) == (204, "1728000")
        # without a list everybody is told so, asked for or not
        assert client.ask("https://anycors.zoo.test/x").headers["access-control-allow-origin"] == "*"

    def test_limits(self, client: Client) -> None:
        statuses = [client.ask("https://limited.zoo.test/x").status for _ in range(6)]
        # one at once, two in the burst: by default the rest is 503, and not 429
        assert statuses[:3] == [200, 200, 200]
        assert 503 in statuses[3:]
        assert client.ask("https://body.zoo.test/x", "POST", b"0" * 1024).status == 200
        assert client.ask("https://body.zoo.test/x", "POST", b"0" * 1025).status == 413
        assert client.ask("https://bare.zoo.test/x", "POST", b"0" * 2**20).told["size"] == 2**20
        assert client.ask("https://bare.zoo.test/x", "POST", b"0" * (2**20 + 1)).status == 413

    def test_what_it_does_unasked(self, client: Client) -> None:
        dropped = client.ask("https://bare.zoo.test/x", X_Team="a").told
        assert dropped["x-team"] == "a"
        assert client.ask("https://bare.zoo.test/x", X__Team="a").told.get("x-team") is None
        assert client.ask(f"https://bare.zoo.test/{'x' * 8300}").status == 414
        assert client.ask("https://bare.zoo.test/x", Cookie="a" * 8300).status == 400

    def test_who_gets_it(self, client: Client) -> None:
        names = [client.ask("https://main.zoo.test/x").told["name"] for _ in range(300)]
        canary = _snapshot_trace("https://main.zoo.test/x", zoo()).shares[1]
        assert canary.share == pytest.approx(0.3)
        # five standard deviations
        assert names.count("second") / 300 == pytest.approx(canary.share, abs=5 * (0.3 * 0.7 / 300) ** 0.5)
        hashed = {
            path: {client.ask(f"https://hashed.zoo.test/{path}").told["name"] for _ in range(3)}
            for path in range(16)
        }
        assert all(len(found) == 1 for found in hashed.values())
        assert len(set.union(*hashed.values())) == 2

    def test_the_next_upstream(self, client: Client) -> None:
        assert {client.ask("https://retried.zoo.test/x").status for _ in range(6)} == {200}
        # a POST that never left goes to the next one too: it is not only for idempotent requests
        assert {client.ask("https://retried.zoo.test/x", "POST", b"x").status for _ in range(6)} == {200}
        assert 502 in {client.ask("https://once.zoo.test/x").status for _ in range(4)}


def test_all_that_is_used_is_explained_and_known() -> None:
    used = {name for one in (*zoo(), *shop("shop.test")) for name in one.notes}
    assert used <= DIRECTIVES.keys()
    assert {name for name in DIRECTIVES if family_of(name) is None} == set()
    # each that is explained is tried on the wire, but for those that lead to https by themselves
    assert DIRECTIVES.keys() - used <= {"backend-protocol"}
    assert PREFIX == "nginx.ingress.kubernetes.io/"
