"""What the check ``dns-owner`` says, by arguments, ownership records and the plan's way to change DNS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from external_dns_kit import ALPHA, IMAGE, OLD, ZONE, gateway, host_of, ingress, namespaces, ownership, route
from pointsman.checklists.checks.context import Answer, CheckContext
from pointsman.checklists.checks.owner import dns_owner
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    ExternalDnsPlan,
    ObjectName,
    Plan,
    Provider,
    Side,
)
from pointsman.checklists.terms import Check
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.verdict import Verdict, worst
from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_zone import Zone

Json = dict[str, Any]
HOST = host_of("store")
NEW = "203.0.113.3"
CHECK = Check("dns-owner", 1, "DNS owner", "dns-owner", "before-lower-ttl")
KINDS = ("Ingress", "HTTPRoute", "Gateway", "Service", "Deployment", "Namespace")
BOTH = ("--source=ingress", "--source=gateway-httproute", "--interval=1m")


def deployment(*args: str, replicas: int = 1, image: str = IMAGE, name: str = "external-dns") -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "dns", "name": name},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"name": "dns", "image": image, "args": list(args)}]}},
        },
    }


@dataclass
class Asked:
    zone: Zone
    server: str

    def own(
        self, owner: str = "default", name: str = f"a-{HOST}", resource: str = "ingress/shop/store"
    ) -> None:
        self.zone.set(f"{name}.", 60, "TXT", f'"{ownership(owner, resource)}"')

    async def check(
        self,
        *documents: Json,
        provider: Provider = "rfc2136",
        denied: str = "",
        told: str = "",
        cluster: bool = True,
    ) -> Answer:
        dns = DnsPlan(
            provider, f"{ZONE}.", (self.server,), 5, external_dns=ExternalDnsPlan(told, "annotations")
        )
        plan = Plan(
            "store", (HOST,), ObjectName("infra", "main"), Side(OLD), Side(NEW), (CriticalPath("/"),), dns
        )
        snapshot: Snapshot = read_documents([*namespaces("shop", "infra"), gateway("main", NEW), *documents])
        kinds = {kind: KindState("denied" if kind == denied else "live") for kind in KINDS}
        snapshot = replace(snapshot, offline=False, kinds=kinds)
        return await dns_owner(CheckContext(plan, (lambda: snapshot) if cluster else None), CHECK)


@pytest_asyncio.fixture
async def asked() -> Any:
    zone = Zone(ZONE)
    zone.set(f"{HOST}.", 60, "A", OLD)
    server = AuthorityServer(zone, [])
    port = await server.start("127.0.0.1")
    try:
        yield Asked(zone, f"127.0.0.1:{port}")
    finally:
        await server.stop()


def said(answer: Answer) -> dict[str, Verdict]:
    return {one.rule: one.verdict for one in answer.findings}


async def test_no_external_dns_and_no_owner_is_skipped_and_says_why(asked: Asked) -> None:
    answer = await asked.check(ingress("store"), route("store"))
    assert said(answer) == {"DNS078": Verdict.SKIP}
    assert "no ownership record" in answer.headline
    assert said(await asked.check(cluster=False)) == {"DNS078": Verdict.SKIP}


async def test_deployments_that_cannot_be_read_are_not_none(asked: Asked) -> None:
    answer = await asked.check(ingress("store"), denied="Deployment")
    assert said(answer) == {"DNS078": Verdict.WARN}
    assert "denied" in answer.headline


@pytest.mark.parametrize(
    ("args", "rule", "verdict", "words"),
    [
        (BOTH, "DNS073", Verdict.FAIL, "put store.shop.test back within 60 s"),
        ((*BOTH, "--policy=create-only"), "DNS078", Verdict.PASS, "leaves"),
        ((*BOTH, "--exclude-domains=store.shop.test"), "DNS078", Verdict.PASS, "domain filters"),
        (
            (*BOTH, "--annotation-filter=dns=on", "--policy=upsert-only"),
            "DNS078",
            Verdict.PASS,
            "deletes nothing",
        ),
        ((*BOTH, "--annotation-filter=dns=on"), "DNS071", Verdict.FAIL, "would delete"),
        (("--source=gateway-httproute",), "DNS070", Verdict.FAIL, NEW),
        ((*BOTH, "--target-template={{.Name}}"), "DNS077", Verdict.UNKNOWN, "--target-template"),
        ((*BOTH, "--registry=dynamodb"), "DNS077", Verdict.UNKNOWN, "dynamodb"),
    ],
)
async def test_a_change_by_ourselves(
    asked: Asked, args: tuple[str, ...], rule: str, verdict: Verdict, words: str
) -> None:
    asked.own()
    answer = await asked.check(ingress("store"), route("store"), deployment(*args))
    assert said(answer)[rule] is verdict
    assert worst(said(answer).values()) is verdict
    assert words in answer.headline


async def test_a_source_that_is_not_read_is_a_doubt_and_no_wall(asked: Asked) -> None:
    asked.own()
    documents = (ingress("store"), route("store"), deployment(*BOTH, "--source=crd"))
    answer = await asked.check(*documents, provider="external-dns")
    assert said(answer) == {"DNS077": Verdict.WARN, "DNS079": Verdict.PASS}
    assert "source crd" in answer.headline


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute", "Gateway"])
async def test_kinds_that_cannot_be_read_are_unknown(asked: Asked, kind: str) -> None:
    asked.own()
    answer = await asked.check(ingress("store"), route("store"), deployment(*BOTH), denied=kind)
    assert said(answer) == {"DNS077": Verdict.UNKNOWN}
    assert f"{kind} objects are denied" in answer.headline


async def test_a_ttl_that_would_be_raised_again(asked: Asked) -> None:
    asked.own()
    answer = await asked.check(
        ingress("store", ttl="60"), deployment("--source=ingress", "--policy=create-only")
    )
    assert said(answer) == {"DNS078": Verdict.PASS}
    asked.zone.set(f"{HOST}.", 60, "A", OLD)
    answer = await asked.check(ingress("store", ttl="60"), deployment("--source=ingress"))
    assert said(answer)["DNS073"] is Verdict.FAIL


async def test_another_clusters_owner(asked: Asked) -> None:
    asked.own("blue")
    answer = await asked.check(ingress("store"), deployment(*BOTH, "--txt-owner-id=green"))
    assert said(answer)["DNS074"] is Verdict.FAIL
    assert "owner id blue" in answer.headline
    without = await asked.check(ingress("store"))
    assert said(without) == {"DNS074": Verdict.FAIL}


async def test_an_owner_record_under_a_prefix_is_found_by_the_arguments(asked: Asked) -> None:
    asked.own(name=f"edns-a-{HOST}")
    answer = await asked.check(ingress("store"), route("store"), deployment(*BOTH, "--txt-prefix=edns-"))
    assert said(answer) == {"DNS073": Verdict.FAIL}
    templated = deployment(*BOTH, "--txt-prefix=x-%{record_type}.")
    asked.own(name=f"x-a.{HOST}")
    assert said(await asked.check(ingress("store"), templated)) == {"DNS073": Verdict.FAIL}


async def test_an_encrypted_owner_record_is_unknown(asked: Asked) -> None:
    asked.zone.set(f"a-{HOST}.", 60, "TXT", '"h9yYbQ0Wk2bUTm7mLd5Zc3qkz0o="')
    answer = await asked.check(ingress("store"), deployment(*BOTH, "--txt-encrypt-enabled"))
    assert said(answer)["DNS077"] is Verdict.UNKNOWN
    assert "cannot be read" in answer.headline


async def test_a_wildcard_beside_the_name(asked: Asked) -> None:
    asked.zone.delete(f"{HOST}.")
    asked.zone.set(f"*.{ZONE}.", 60, "A", OLD)
    answer = await asked.check(route("store"), deployment(*BOTH))
    assert said(answer)["DNS070"] is Verdict.WARN
    assert "a wildcard answers this name" in answer.headline


async def test_a_server_that_does_not_answer_is_unknown(asked: Asked) -> None:
    lost = replace(asked, server="127.0.0.1:9")
    answer = await lost.check(ingress("store"), deployment(*BOTH))
    assert set(said(answer).values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("documents", "owned", "rule", "verdict", "words"),
    [
        ((ingress("store"), route("store")), True, "DNS079", Verdict.PASS, "and back"),
        ((ingress("store"), route("store")), False, "DNS075", Verdict.FAIL, "no ownership record"),
        ((ingress("store"),), True, "DNS071", Verdict.FAIL, "no record at all"),
        ((ingress("store"), route("store", accepted="False")), True, "DNS071", Verdict.FAIL, "not accepted"),
        (
            (ingress("store"), route("store", controller="other")),
            True,
            "DNS072",
            Verdict.FAIL,
            "not Pointsman's",
        ),
    ],
)
async def test_a_handover(
    asked: Asked, documents: tuple[Json, ...], owned: bool, rule: str, verdict: Verdict, words: str
) -> None:
    if owned:
        asked.own()
    answer = await asked.check(*documents, deployment(*BOTH), provider="external-dns")
    assert said(answer)[rule] is verdict
    assert words in answer.headline


async def test_the_newer_prefix_is_read_by_the_newer_release(asked: Asked) -> None:
    asked.own()
    newer = IMAGE.replace("v0.21", "v0.22")
    old = ingress("store")
    old["metadata"]["annotations"] = {f"{ALPHA}ingress-hostname-source": "annotation-only"}
    answer = await asked.check(old, route("store"), deployment(*BOTH, image=newer))
    assert said(answer) == {"DNS073": Verdict.FAIL, "DNS076": Verdict.WARN}
    by_argument = deployment(*BOTH, f"--annotation-prefix={ALPHA}", image=newer)
    assert said(await asked.check(old, route("store"), by_argument)) == {"DNS070": Verdict.FAIL}
    unknown = deployment(*BOTH, image="registry.test/external-dns@sha256:00")
    assert said(await asked.check(old, route("store"), unknown))["DNS077"] is Verdict.UNKNOWN


async def test_hostile_arguments_and_texts_are_cleaned(asked: Asked) -> None:
    asked.own("\\027[31mred", resource="ingress/\\027[2J/x")
    answer = await asked.check(ingress("store"), deployment(*BOTH, "--txt-owner-id=\x1b[31mred"))
    text = "".join(
        [answer.headline, *(line for one in answer.findings for line in (one.summary, *one.evidence))]
    )
    assert "\x1b" not in text
