"""What is asked, in which order, how gently, and how a difference is made small."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.errors import UserError
from pointsman.cluster.store import read_documents
from pointsman.probes.state.twin.answers import Pattern
from pointsman.probes.state.world import world_of
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.parity import judge
from pointsman.probes.wire.parity.hosts import all_hosts, ingress_hosts
from pointsman.probes.wire.parity.observe import STORM, Pace, Step, observe
from pointsman.probes.wire.parity.paths import UNKNOWN_HOST, HostRules, questions
from pointsman.probes.wire.parity.question import COALESCED, Question, Side, request_to
from pointsman.probes.wire.parity.shrink import shrink, simpler, size
from pointsman.probes.wire.parity.variants import (
    VARIANTS,
    chosen,
    over_each_other,
    with_variants,
)

FAST = Pace(rounds=2, rate_per_s=2000, concurrency=2, deadline_s=20)
Reply = Callable[[str], bytes]


def reply(status: int = 200, *headers: str, body: str = "hi") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers])
    return f"{head}\r\n\r\n{body}".encode()


@contextlib.asynccontextmanager
async def serving(answer: Reply, heads: list[str] | None = None) -> AsyncIterator[int]:
    """A server on loopback: ``answer`` is given the request's head; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if heads is not None:
                heads.append(head)
            data = answer(head)
            if not data:
                await reader.read()
            writer.write(data)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def sides(old: int, new: int) -> tuple[Side, Side]:
    return Side("old", "127.0.0.1", plain_port=old), Side("new", "127.0.0.1", plain_port=new)


async def test_old_new_old_each_over_its_own_connection() -> None:
    order: list[str] = []

    def said(name: str) -> Reply:
        def answer(head: str) -> bytes:
            order.append(f"{name} {head.splitlines()[0]}")
            assert "\r\nHost: shop.test\r\n" in head
            assert re.search(r"\r\nUser-Agent: pointsman/\S+ \(cutover probe\)\r\n", head)
            return reply()

        return answer

    steps: list[Step] = []
    async with serving(said("old")) as old, serving(said("new")) as new:
        asked = [Question("http://shop.test/a/../b//c%2Fd?x=1")]
        facts = await observe(asked, *sides(old, new), replace(FAST, concurrency=1), steps.append)
    line = "GET /a/../b//c%2Fd?x=1 HTTP/1.1"
    assert order == [f"{name} {line}" for name in ("old", "new", "old")] * 2
    assert facts.requests == 6
    assert [one.rule for one in judge.judge(facts)] == ["PAR001"]
    assert [(step.doing, step.done) for step in steps] == [("round 1", 1), ("round 2", 1)]


async def test_a_difference_is_asked_until_it_is_decided_and_shrunk() -> None:
    def new_answer(head: str) -> bytes:
        return reply() if "x-role: admin" in head.lower() else reply(200, "X-Old: 1")

    async with serving(lambda head: reply(200, "X-Old: 1")) as old, serving(new_answer) as new:
        question = Question(
            "http://shop.test/a/b/c?x=1&y=2", headers=(("Accept-Language", "de"), ("X-Role", "admin"))
        )
        facts = await observe([question], *sides(old, new), FAST)
    compared = judge.compare(facts)
    (group,) = compared.groups
    assert (group.first.rule, group.verdict) == ("PAR040", Verdict.WARN)
    assert 4 <= len(facts.answers[0].rounds) <= 12
    minimal = facts.minimal[group.key]
    assert (minimal.target, minimal.headers) == ("/", (("X-Role", "admin"),))
    (found,) = judge.findings(compared)
    assert found.reproduce.count("curl ") == 2
    assert "X-Role: admin" in found.reproduce
    assert any("smallest request" in line for line in found.evidence)


async def test_a_storm_ends_it() -> None:
    asked = [Question(f"http://shop.test/{n}") for n in range(200)]
    async with serving(lambda head: reply()) as old, serving(lambda head: reply(503)) as new:
        facts = await observe(asked, *sides(old, new), FAST)
    assert f"last {STORM} answers of the new side" in facts.stopped
    assert facts.requests < 3 * (STORM + 5)
    verdicts = {one.rule: one.verdict for one in judge.judge(facts)}
    assert verdicts["PAR014"] is Verdict.FAIL
    assert verdicts["PAR002"] is Verdict.UNKNOWN


async def test_the_deadline_and_the_pace_hold() -> None:
    started = time.monotonic()
    async with serving(lambda head: reply()) as old, serving(lambda head: b"") as new:
        question = Question("http://shop.test/", timeout_s=30)
        facts = await observe([question], *sides(old, new), replace(FAST, deadline_s=0.3))
    assert time.monotonic() - started < 5
    assert "deadline" in facts.stopped
    assert [one.verdict for one in judge.judge(facts)] == [Verdict.UNKNOWN]
    started = time.monotonic()
    async with serving(lambda head: reply()) as old, serving(lambda head: reply()) as new:
        pace = replace(FAST, rounds=1, rate_per_s=20)
        await observe([Question(f"http://shop.test/{n}") for n in range(3)], *sides(old, new), pace)
    assert time.monotonic() - started >= 8 / 20


async def test_cancelling_leaves_nothing_behind() -> None:
    async with serving(lambda head: reply()) as old, serving(lambda head: b"") as new:
        asked = [Question(f"http://shop.test/{n}", timeout_s=30) for n in range(5)]
        task = asyncio.create_task(observe(asked, *sides(old, new), FAST))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # the server's own tasks end when they notice that their clients went away
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 5)


# -- shrinking

questions_of_any_kind = st.builds(
    Question,
    url=st.builds(
        lambda parts, query: f"https://a.test/{'/'.join(parts)}{query}",
        st.lists(st.sampled_from(["a", "B", "..", "c%2Fd", ""]), max_size=5),
        st.sampled_from(["", "?x=1", "?x=1&y=2", "?&&"]),
    ),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]),
    headers=st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), st.just("1")), max_size=4).map(tuple),
    protocol=st.sampled_from(["http/1.0", "http/1.1", "h2", "auto"]),
    host=st.sampled_from(["", "b.test"]),
    sni=st.sampled_from([None, "", "b.test"]),
    body_size=st.sampled_from([0, 1, 1000]),
)


@settings(max_examples=80, deadline=None)
@given(questions_of_any_kind, st.sampled_from(["A", "B", "C"]), st.integers(0, 40), st.booleans())
def test_shrinking_ends_and_keeps_the_difference(
    question: Question, header: str, most: int, needs_path: bool
) -> None:
    asked: list[Question] = []

    def differs(candidate: Question) -> bool:
        has = any(name == header for name, _ in candidate.headers)
        deep = candidate.target.count("/") >= 2
        original = any(name == header for name, _ in question.headers)
        return (has or not original) and (deep or not needs_path or question.target.count("/") < 2)

    async def still(candidate: Question) -> bool:
        asked.append(candidate)
        return differs(candidate)

    smallest = asyncio.run(shrink(question, still, most))
    assert differs(smallest)
    assert len(asked) <= most
    assert size(smallest) <= size(question)
    assert all(size(one) < size(question) for one in simpler(question))
    if most == 40 and not asked[most:] and len(asked) < most:
        assert not any(differs(one) for one in simpler(smallest))


# -- what is asked


def test_the_edges_of_a_rule() -> None:
    asked = questions([HostRules("shop.test", (Pattern("element", "/Api/v1"),))], 100)
    by_place = {one.place: one for one in asked}
    assert {place: one.target for place, one in by_place.items()} == {
        "exact": "/Api/v1",
        "plain HTTP": "/Api/v1",
        "unknown path": "/x-pointsman-nobody-has-this",
        "unknown host": "/",
        "child": "/Api/v1/x-pointsman",
        "slash toggled": "/Api/v1/",
        "case flipped": "/aPI/V1",
        "sibling": "/Api/v1x",
        "encoded slash": "/Api/v1%2Fx-pointsman",
        "dot segments": "/Api/v1/x-pointsman/../x-pointsman",
        "double slash": "/Api/v1//x-pointsman",
    }
    assert by_place["unknown host"].authority == UNKNOWN_HOST
    assert by_place["plain HTTP"].url.startswith("http:")
    assert {one.place for one in asked if one.known} == {"exact", "child", "plain HTTP"}
    assert all(one.why for one in asked)
    # cut evenly: the rules' own paths come first
    patterns = tuple(Pattern("exact", f"/{n}") for n in range(50))
    few = questions([HostRules("shop.test", patterns)], 50)
    assert [one.place for one in few].count("exact") == 50
    assert questions([HostRules("", patterns), HostRules("*", patterns)], 50) == ()
    wild = questions([HostRules("*.shop.test", patterns[:1])], 5)
    assert wild[0].url.startswith("https://x-pointsman.shop.test/")


def test_variants_are_asked_of_known_paths_once_where_that_is_enough() -> None:
    known = [Question(f"https://a.test/{n}") for n in range(3)]
    guess = replace(known[0], url="https://a.test/guess", known=False)
    everything = list(with_variants([*known, guess], chosen("all", unsafe=False)))
    assert [one for one in everything if one.variant == "HTTP/1.0"] == [
        replace(
            known[0],
            variant="HTTP/1.0",
            protocol="http/1.0",
            why="old health checks speak it, and Envoy answers 426",
        )
    ]
    assert sum(one.variant == "HEAD" for one in everything) == 3
    assert not any(one.variant and "guess" in one.url for one in everything)
    assert all(one.is_safe for one in everything)
    dotted = next(one for one in everything if one.variant == "trailing dot in Host")
    assert dotted.authority == "a.test."
    assert list(with_variants(known, chosen("none", unsafe=False))) == known
    assert {one.id for one in chosen("body,grpc,websocket", unsafe=True)} == {"body", "grpc", "websocket"}
    assert not any(one.opt_in for one in chosen("all", unsafe=True))
    with pytest.raises(UserError, match="no such variant"):
        chosen("gzip,zip", unsafe=False)
    with pytest.raises(UserError, match="add --unsafe"):
        chosen("body", unsafe=False)
    assert len({one.id for one in VARIANTS}) == len({one.label for one in VARIANTS}) == len(VARIANTS)
    two = [Question("https://a.test/"), Question("https://b.test/x"), Question("http://c.test/")]
    assert [(one.url, one.sni, one.variant) for one in over_each_other(two)] == [
        ("https://a.test/", "b.test", COALESCED),
        ("https://b.test/x", "a.test", COALESCED),
    ]
    assert list(over_each_other(two[:1])) == []


@pytest.mark.parametrize(
    ("url", "side", "wanted"),
    [
        ("https://a.test/x", Side("old", "192.0.2.1"), ("https://a.test/x", "")),
        ("https://a.test/x", Side("old", "192.0.2.1", 8443), ("https://a.test:8443/x", "a.test")),
        ("https://a.test:444/x", Side("old", "192.0.2.1", 8443), ("https://a.test:8443/x", "a.test:444")),
        ("https://a.test:444/x", Side("old", "192.0.2.1"), ("https://a.test:444/x", "")),
        ("http://a.test/x", Side("old", "192.0.2.1", 8443), ("http://a.test/x", "")),
        ("http://a.test/x", Side("old", "192.0.2.1", 8443, 8080), ("http://a.test:8080/x", "a.test")),
        (
            "https://[2001:db8::1]/",
            Side("old", "::1", 8443),
            ("https://[2001:db8::1]:8443/", "[2001:db8::1]"),
        ),
    ],
)
def test_a_side_takes_its_own_port_and_the_name_stays(url: str, side: Side, wanted: tuple[str, str]) -> None:
    request = request_to(Question(url), side)
    assert (request.url, request.send_host) == wanted
    assert request.address == side.address


INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["shop.test"], "secretName": "cert"}],
        "rules": [
            {
                "host": "shop.test",
                "http": {
                    "paths": [
                        {
                            "path": "/cart",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "cart", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
    },
}
ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "other", "namespace": "shop"},
    "spec": {
        "hostnames": ["other.test"],
        "parentRefs": [{"name": "main"}],
        "rules": [{"matches": [{"path": {"type": "Exact", "value": "/only"}}]}],
    },
}
GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "main", "namespace": "shop"},
    "spec": {"gatewayClassName": "x", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
}


def test_hosts_of_ingresses_and_of_routes() -> None:
    snapshot = read_documents([INGRESS, ROUTE, GATEWAY])
    world = world_of(snapshot)
    found = {one.host: one for one in all_hosts(world)}
    assert set(found) == {"shop.test", "other.test"}
    assert found["shop.test"].tls
    assert not found["other.test"].tls
    assert [one.value for one in found["other.test"].patterns] == ["/only"]
    (only,) = ingress_hosts(world, snapshot.ingresses.values())
    assert any(pattern.covers("/cart/x") for pattern in only.patterns)
