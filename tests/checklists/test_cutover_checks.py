"""The checks of the checklist: of a snapshot, and over real sockets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cutover_kit import HOST, SmallWorld
from pointsman.checklists.checks.checklist import CheckContext, load_checklist, run_checks
from pointsman.checklists.terms import CheckResult
from pointsman.cluster.store import read_documents
from pointsman.probes.verdict import Verdict
from pointsman.sandbox.edge_model import Faults

API = "gateway.networking.k8s.io/v1"


def condition(kind: str, status: str = "True", generation: int = 2) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": generation}


def gateway(*conflicts: dict[str, Any]) -> dict[str, Any]:
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.shop.test"}
    conditions = [condition("Accepted"), condition("Programmed"), condition("ResolvedRefs"), *conflicts]
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"namespace": "infra", "name": "main", "generation": 2},
        "spec": {"gatewayClassName": "x", "listeners": [listener]},
        "status": {
            "conditions": [condition("Accepted"), condition("Programmed")],
            "listeners": [{"name": "https", "conditions": conditions}],
        },
    }


def route(**changes: Any) -> dict[str, Any]:
    parent = {"name": "main", "namespace": "infra"}
    other = {"name": "edge", "namespace": "infra"}
    entries = changes.get("entries", [[condition("Accepted"), condition("ResolvedRefs")]] * 2)
    parents = [parent, other]
    return {
        "apiVersion": API,
        "kind": "HTTPRoute",
        "metadata": {"namespace": "shop", "name": "store", "generation": 2},
        "spec": {"hostnames": changes.get("hostnames", [HOST]), "parentRefs": parents},
        "status": {
            "parents": [
                {"parentRef": ref, "controllerName": "x", "conditions": conditions}
                for ref, conditions in zip(parents, entries, strict=False)
            ]
        },
    }


INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"namespace": "shop", "name": "store"},
    "spec": {"rules": [{"host": HOST}]},
}


async def ask(world: SmallWorld, check: str, *documents: dict[str, Any] | None, **plan: str) -> CheckResult:
    source = None
    if documents:
        snapshot = read_documents([document for document in documents if document])
        source = lambda: snapshot  # noqa: E731
    context = CheckContext(world.plan(**plan), source)
    (result,) = await run_checks(load_checklist("pre-cutover"), context, only=(check,))
    return result


GOOD = [condition("Accepted"), condition("ResolvedRefs")]


@pytest.mark.parametrize(
    ("documents", "verdict", "words"),
    [
        ((gateway(), route()), Verdict.PASS, "1 route, all parents, current generation"),
        (
            (gateway(), route(entries=[[condition("Accepted", generation=1), GOOD[1]], GOOD])),
            Verdict.UNKNOWN,
            "gen",
        ),
        (
            (gateway(), route(entries=[[condition("Accepted", "False"), GOOD[1]], GOOD])),
            Verdict.FAIL,
            "Accepted is F",
        ),
        (
            (gateway(), route(entries=[[GOOD[0], condition("ResolvedRefs", "False")], GOOD])),
            Verdict.FAIL,
            "Resolved",
        ),
        (
            (gateway(), route(entries=[GOOD, [condition("Accepted", "False"), GOOD[1]]])),
            Verdict.WARN,
            "infra/edge",
        ),
        ((gateway(), route(entries=[])), Verdict.UNKNOWN, "no controller"),
        ((gateway(), route(entries=[GOOD])), Verdict.WARN, "nobody has answered"),
        ((gateway(), route(hostnames=["api.shop.test"])), Verdict.FAIL, "no route"),
        ((gateway(condition("Conflicted")), route()), Verdict.FAIL, "Conflicted"),
        ((gateway(), None), Verdict.UNKNOWN, "HTTPRoute is not known"),
        ((None, route()), Verdict.UNKNOWN, "Gateway is not known"),
        ((), Verdict.UNKNOWN, "no cluster"),
    ],
)
async def test_routes(
    dns_world: SmallWorld, documents: tuple[dict[str, Any] | None, ...], verdict: Verdict, words: str
) -> None:
    result = await ask(dns_world, "routes-accepted", *documents)
    assert result.verdict is verdict, result.headline
    assert words in result.headline
    assert all(item.reproduce.startswith("kubectl") for item in result.findings if item.rule != "CUT004")


async def test_requests_name_what_the_old_side_said(small_world: SmallWorld) -> None:
    good = await ask(small_world, "requests")
    assert (good.verdict, good.headline) == (Verdict.PASS, "/healthz 200  /api 200")
    assert good.findings[0].reproduce.startswith("curl ")
    assert small_world.new is not None
    small_world.new.faults[HOST] = Faults(missing_paths=("/api",))
    bad = await ask(small_world, "requests")
    assert (bad.verdict, bad.headline) == (Verdict.FAIL, "/healthz 200  /api 404 (old 200)")


async def test_both_sides_answer_alike(small_world: SmallWorld) -> None:
    bare = await ask(small_world, "parity", accept="[]")
    assert bare.verdict is Verdict.WARN
    assert [item.rule for item in bare.findings if item.verdict is Verdict.WARN] == ["PAR032"]
    good = await ask(small_world, "parity")
    assert good.verdict is Verdict.PASS, good.headline
    assert good.headline == "2 paths answered alike by both sides, 1 difference accepted by name"
    assert any("the app sends it" in item.summary for item in good.findings)
    assert small_world.new is not None
    small_world.new.faults[HOST] = Faults(missing_paths=("/api",))
    bad = await ask(small_world, "parity")
    assert bad.verdict is Verdict.FAIL
    assert "/api" in bad.headline
    assert "404" in bad.headline
    assert bad.findings[0].reproduce.count("curl ") == 2


async def test_the_chain(small_world: SmallWorld) -> None:
    good = await ask(small_world, "tls-chain")
    assert good.verdict is Verdict.PASS, good.findings
    assert good.headline.startswith("leaf, 1 intermediate, root known, ")
    assert small_world.new is not None
    small_world.new.faults[HOST] = Faults(missing_intermediate=True)
    bad = await ask(small_world, "tls-chain")
    assert bad.verdict is Verdict.FAIL
    assert any(item.name == "incomplete-chain" for item in bad.findings)
    assert any(item.reproduce.startswith("openssl s_client") for item in bad.findings)


async def test_the_warm_up(small_world: SmallWorld) -> None:
    result = await ask(small_world, "cache-warm-up")
    assert result.verdict in (Verdict.PASS, Verdict.SKIP), result.findings
    assert "4 fetches of 2 URLs" in result.headline


async def test_the_ttl(small_world: SmallWorld) -> None:
    high = await ask(small_world, "dns-ttl")
    assert high.verdict is Verdict.FAIL
    assert high.headline == "2 s on 1 of 1 name server, wanted at most 1 s"
    small_world.zone.set("store", 1, "A", "127.0.0.2")
    small_world.thread.call(small_world.resolver.flush)
    low = await ask(small_world, "dns-ttl")
    assert (low.verdict, low.headline) == (Verdict.PASS, "1 s on 1 of 1 name server")
    assert any("dig" in item.reproduce for item in low.findings)


async def test_a_resolver_that_stretches_ttls_is_not_waited_for(small_world: SmallWorld) -> None:
    await ask(small_world, "dns-ttl")
    small_world.zone.set("store", 1, "A", "127.0.0.2")
    plan, checklist = small_world.plan(), load_checklist("pre-cutover")

    async def verdict_of(**known: float) -> tuple[Verdict, set[str]]:
        context = CheckContext(plan, None, "before-switch", **known)  # type: ignore[arg-type]
        (result,) = await run_checks(checklist, context, only=("dns-ttl",))
        return result.verdict, {item.rule for item in result.findings if item.verdict is not Verdict.PASS}

    # the resolver holds what it fetched before: nobody has waited, so that decides
    assert await verdict_of() == (Verdict.FAIL, {"DNS024"})
    # the run has seen the low TTL everywhere for longer than the old one could be kept
    assert await verdict_of(low_since=time.time() - 60, old_ttl=2.0) == (Verdict.WARN, {"DNS028"})
    assert await verdict_of(low_since=time.time() - 60, old_ttl=3600.0) == (Verdict.FAIL, {"DNS024"})


async def test_the_burst(small_world: SmallWorld) -> None:
    good = await ask(small_world, "error-watch")
    assert good.verdict is Verdict.PASS, good.headline
    assert small_world.new is not None
    small_world.new.faults[HOST] = Faults(error_share=0.5)
    bad = await ask(small_world, "error-watch")
    assert bad.verdict is Verdict.FAIL


async def test_the_old_side(small_world: SmallWorld) -> None:
    good = await ask(small_world, "old-side-kept", INGRESS, ingress="[shop/store]")
    assert good.verdict is Verdict.PASS, good.findings
    assert good.headline == "2 of 2 paths answer, 1 Ingress kept"
    gone = await ask(small_world, "old-side-kept", INGRESS, ingress="[shop/other]")
    assert gone.verdict is Verdict.FAIL
    unknown = await ask(small_world, "old-side-kept", ingress="[shop/store]")
    assert unknown.verdict is Verdict.UNKNOWN
    assert small_world.old is not None
    small_world.old.faults[HOST] = Faults(default_certificate=True)
    bad = await ask(small_world, "old-side-kept", INGRESS, ingress="[shop/store]")
    assert bad.verdict is Verdict.FAIL
