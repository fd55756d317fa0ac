"""The three practice scenarios: said beforehand, and then it happens so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from pointsman.checklists.checks.context import Answer, CheckContext
from pointsman.checklists.checks.owner import dns_owner
from pointsman.checklists.plans.load import Plan, load_plan
from pointsman.checklists.plans.model import ExternalDnsPlan
from pointsman.checklists.records.base import RecordChange, RecordReadError, RecordSet, switch_change
from pointsman.checklists.records.external_dns import objects
from pointsman.checklists.records.external_dns.handover import HELD
from pointsman.checklists.records.external_dns.provider import ExternalDns
from pointsman.checklists.records.providers import Surroundings, provider_for
from pointsman.checklists.running.proposals import Proposals
from pointsman.checklists.terms import Check
from pointsman.cluster.errors import UserError
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.verdict import Verdict, worst
from pointsman.sandbox import loopback
from pointsman.sandbox.errors import SandboxError
from pointsman.sandbox.scenario import Pace, load_scenario
from pointsman.sandbox.world import World

HOST = "store.shop.test"
PREFIX = "external-dns.alpha.kubernetes.io/"
QUICK = Pace(old_ttl=4, low_ttl=1, watch=1.0, soak=1.0)
CHECK = Check("dns-owner", 1, "DNS owner", "dns-owner", "before-lower-ttl")
GATEWAY = "gateway.networking.k8s.io"
_KINDS = {
    "Ingress": "networking.k8s.io",
    "HTTPRoute": GATEWAY,
    "Gateway": GATEWAY,
    "Namespace": "",
    "Service": "",
    "Deployment": "apps",
}


@dataclass
class Stage:
    world: World
    plan: Plan
    kubeconfig: str

    def snapshot(self) -> Snapshot:
        assert self.world.storage is not None
        documents = [
            one for kind, group in _KINDS.items() for one in self.world.storage.list(kind, group=group)
        ]
        kinds = dict.fromkeys(_KINDS, KindState("live"))
        return replace(read_documents(documents), offline=False, kinds=kinds)

    def provider(self, plan: Plan | None = None) -> ExternalDns:
        made = provider_for(plan or self.plan, Surroundings(self.kubeconfig, "", self.snapshot))
        assert isinstance(made, ExternalDns)
        return made

    async def lowered(self) -> RecordChange:
        """The switch as it would be proposed after the TTL was lowered, without its patches."""
        read = await self.provider().read()
        return switch_change(read, self.plan)

    async def checked(self, plan: Plan | None = None) -> Answer:
        return await dns_owner(CheckContext(plan or self.plan, self.snapshot, "before-lower-ttl"), CHECK)

    def addresses(self) -> tuple[str, ...]:
        assert self.world.zone is not None
        found = self.world.zone.get(f"{HOST}.", "A")
        return tuple(str(one) for one in found or ())

    def annotations(self, kind: str) -> dict[str, str]:
        assert self.world.storage is not None
        found = self.world.storage.get(kind, "shop", "store", _KINDS[kind])
        assert found is not None
        every = found["metadata"].get("annotations") or {}
        return {key.removeprefix(PREFIX): value for key, value in every.items() if key.startswith(PREFIX)}

    def annotate(self, kind: str, **annotations: str) -> None:
        assert self.world.storage is not None
        found = self.world.storage.get(kind, "shop", "store", _KINDS[kind])
        assert found is not None
        found["metadata"].setdefault("annotations", {}).update(
            {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
        )
        self.world.storage.apply(found)


def hurry(world: World) -> None:
    """Five rounds a second: what is tested is not how long one waits."""
    assert world.storage is not None
    deployment = world.storage.get("Deployment", "external-dns", "external-dns", "apps")
    assert deployment is not None
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["args"] = [word.replace("--interval=1s", "--interval=200ms") for word in container["args"]]
    world.storage.apply(deployment)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.checklists.records.external_dns.provider._EVERY_S", 0.1)


@asynccontextmanager
async def staged(scenario: str) -> AsyncIterator[Stage]:
    try:
        loopback.require("127.0.0.1", "127.0.0.2", "127.0.0.3")
    except SandboxError as error:
        pytest.skip(str(error))
    world = World(shoppers=False)
    info = await world.start(scenario, QUICK)
    hurry(world)
    try:
        yield Stage(world, load_plan(info.plans[HOST]), str(info.kubeconfig))
    finally:
        await world.stop()


async def eventually(told: Callable[[], bool], seconds: float = 6.0) -> None:
    async with asyncio.timeout(seconds):
        while not told():  # noqa: ASYNC110 - what is waited for is told by no event
            await asyncio.sleep(0.02)


def rules(answer: Answer) -> dict[str, Verdict]:
    return {one.rule: one.verdict for one in answer.findings}


@pytest.mark.parametrize("name", ["early", "delete", "first-owner"])
async def test_the_check_says_what_the_scenario_says(name: str) -> None:
    async with staged(f"external-dns-{name}") as stage:
        said = load_scenario(f"external-dns-{name}", {}).says[HOST]
        answer = await stage.checked()
        assert said in rules(answer), answer.headline
        verdict = worst(rules(answer).values())
        assert (verdict is Verdict.PASS) == (name == "first-owner")
        assert HOST in answer.headline or name == "first-owner"
        assert answer.findings[0].reproduce.startswith("dig @127.0.0.1 -p ")


async def test_early_it_moves_as_soon_as_it_runs() -> None:
    async with staged("external-dns-early") as stage:
        answer = await stage.checked()
        assert rules(answer)["DNS070"] is Verdict.WARN
        assert "127.0.0.3" in answer.headline
        assert "as soon as it runs" in answer.headline
        assert stage.addresses() == ("127.0.0.2",)
        storage = stage.world.storage
        assert storage is not None
        deployment = storage.get("Deployment", "external-dns", "external-dns", "apps")
        assert deployment is not None
        deployment["spec"]["replicas"] = 1
        storage.apply(deployment)
        assert rules(await stage.checked())["DNS070"] is Verdict.FAIL
        await eventually(lambda: stage.addresses() == ("127.0.0.3",))


async def test_delete_the_handover_is_refused_and_would_have_deleted() -> None:
    async with staged("external-dns-delete") as stage:
        answer = await stage.checked()
        assert rules(answer)["DNS071"] is Verdict.FAIL
        change = await stage.lowered()
        with pytest.raises(UserError, match="no record at all"):
            await stage.provider().prepare(change)
        # what a person would have done without being told
        stage.annotate("Ingress", ingress_hostname_source="annotation-only")
        await eventually(lambda: stage.addresses() == ())


async def test_first_owner_a_change_by_others_is_put_back() -> None:
    async with staged("external-dns-first-owner") as stage:
        ours = replace(stage.plan, dns=replace(stage.plan.dns, provider="rfc2136"))
        answer = await stage.checked(ours)
        assert rules(answer)["DNS073"] is Verdict.FAIL
        assert "within 0.2 s" in answer.headline
        zone = stage.world.zone
        assert zone is not None
        zone.set(f"{HOST}.", 1, "A", "127.0.0.3")
        await eventually(lambda: stage.addresses() == ("127.0.0.2",))


async def lowered_and_switched(stage: Stage) -> tuple[ExternalDns, RecordChange]:
    provider = stage.provider()
    proposals = Proposals(stage.plan, provider)
    lower, _ = await proposals.lower()
    assert lower is not None
    assert stage.annotations("HTTPRoute") == {}
    outcome = await provider.apply(lower)
    assert (outcome.kind, stage.annotations("Ingress")) == ("applied", {"ttl": "1"}), outcome.detail
    assert stage.annotations("HTTPRoute") == {"controller": HELD, "ttl": "1"}
    return provider, await proposals.switch()


async def test_first_owner_the_handover_moves_the_record_once_and_back() -> None:
    async with staged("external-dns-first-owner") as stage:
        zone = stage.world.zone
        assert zone is not None
        seen: list[tuple[str, ...]] = []
        provider, switch = await lowered_and_switched(stage)
        zone.on_change(
            lambda event: seen.append(tuple(map(str, event.new or ()))) if event.rdtype.name == "A" else None
        )
        outcome = await provider.apply(switch)
        assert (outcome.kind, stage.addresses()) == ("applied", ("127.0.0.3",)), outcome.detail
        assert (await provider.find_out(switch)).kind == "applied"
        back = replace(switch.inverted(), before=switch.after)
        outcome = await provider.apply(back)
        assert (outcome.kind, stage.addresses()) == ("applied", ("127.0.0.2",)), outcome.detail
        rounds = stage.world.external_dns
        assert rounds is not None
        done = rounds.rounds
        await eventually(lambda: rounds.rounds >= done + 2)
        assert seen == [("127.0.0.3",), ("127.0.0.2",)]
        assert stage.annotations("Ingress") == {"ttl": "1"}
        assert stage.annotations("HTTPRoute")["controller"] == HELD


async def test_what_is_shown_names_the_annotations_and_the_commands() -> None:
    async with staged("external-dns-first-owner") as stage:
        provider, switch = await lowered_and_switched(stage)
        assert f"- HTTPRoute shop/store {PREFIX}controller: {HELD}" in switch.diff
        assert f"+ Ingress shop/store {PREFIX}ingress-hostname-source: annotation-only" in switch.diff
        text = "\n".join(provider.instructions(switch))
        assert "kubectl -n shop annotate httproute/store --overwrite --resource-version=" in text
        assert text.index("httproute/store") < text.index("ingress/store"), "the new side wants it first"
        back = "\n".join(provider.instructions(switch.inverted()))
        assert back.index("ingress/store") < back.index("httproute/store"), "the old side wants it first"
        assert f"{PREFIX}ingress-hostname-source: null" in back


async def test_somebody_elses_annotation_stops_the_patch_before_anything_is_set() -> None:
    async with staged("external-dns-first-owner") as stage:
        provider, switch = await lowered_and_switched(stage)
        stage.annotate("Ingress", ingress_hostname_source="defined-hosts-only")
        outcome = await provider.apply(switch)
        assert outcome.kind == "precondition-failed"
        assert "defined-hosts-only now" in outcome.detail
        assert stage.annotations("HTTPRoute")["controller"] == HELD
        assert (await provider.find_out(switch)).kind == "not-applied"


async def test_a_patch_without_an_external_dns_is_under_way_and_then_counts_as_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged("external-dns-first-owner") as stage:
        provider, switch = await lowered_and_switched(stage)
        practice = stage.world.external_dns
        assert practice is not None
        await practice.stop()
        monkeypatch.setattr("pointsman.checklists.records.external_dns.provider.APPLY_WAIT_S", 0.2)
        outcome = await provider.apply(switch)
        assert outcome.kind == "unknown"
        with pytest.raises(RecordReadError, match="has not moved the records yet"):
            await provider.find_out(switch)
        monkeypatch.setattr("pointsman.checklists.records.external_dns.provider._SETTLING_S", -3.0)
        found = await provider.find_out(switch)
        assert found.kind == "applied"
        assert "is it running?" in found.detail
        # and the way back is open all the while
        assert (await provider.apply(switch.inverted())).kind == "applied"
        assert "ingress-hostname-source" not in stage.annotations("Ingress")


async def test_cut_off_between_two_patches_nothing_has_moved_and_it_is_made_whole() -> None:
    async with staged("external-dns-first-owner") as stage:
        provider, switch = await lowered_and_switched(stage)
        first, _ = objects.groups(switch.via)
        with provider._connected() as connection:
            assert await asyncio.to_thread(objects.patch, connection, first) == ""
        fresh = stage.provider()
        found = await fresh.find_out(switch)
        assert (found.kind, "partly set" in found.detail) == ("not-applied", True)
        assert stage.addresses() == ("127.0.0.2",)
        again = await Proposals(stage.plan, fresh).switch()
        assert len(again.via) < len(switch.via) + 1
        assert (await fresh.apply(again)).kind == "applied"
        assert (await fresh.apply(again.inverted())).kind == "applied"
        assert stage.addresses() == ("127.0.0.2",)


async def test_what_git_keeps_is_never_patched() -> None:
    async with staged("external-dns-first-owner") as stage:
        storage = stage.world.storage
        assert storage is not None
        found = storage.get("Ingress", "shop", "store", _KINDS["Ingress"])
        assert found is not None
        found["metadata"].setdefault("labels", {})["kustomize.toolkit.fluxcd.io/name"] = "shop"
        storage.apply(found)
        with pytest.raises(UserError, match=r"Ingress shop/store \(Flux\)"):
            await Proposals(stage.plan, stage.provider()).lower()
        by_hand = replace(stage.plan, dns=replace(stage.plan.dns, external_dns=ExternalDnsPlan()))
        assert by_hand.dns.by_hand
        provider = stage.provider(by_hand)
        change, _ = await Proposals(by_hand, provider).lower()
        assert change is not None
        assert not provider.capabilities.writes
        before = stage.annotations("Ingress")
        waiting = asyncio.create_task(provider.apply(change))
        await asyncio.sleep(0.3)
        assert (stage.annotations("Ingress"), waiting.done()) == (before, False)
        stage.annotate("Ingress", ttl="1")
        async with asyncio.timeout(6):
            assert (await waiting).kind == "applied"


def test_git_is_seen_by_field_managers_too() -> None:
    assert objects.managed_by_git({"managedFields": [{"manager": "argocd-controller"}]}) == "Argo CD"
    assert objects.managed_by_git({"managedFields": [{"manager": "kubectl-edit"}]}) == ""
    assert objects.managed_by_git({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}) == "Argo CD"


def test_an_old_journals_change_has_no_patches() -> None:
    import msgspec

    record = RecordSet(HOST, "A", 60, ("127.0.0.2",))
    change = RecordChange("switch", "shop.test.", (HOST,), (record,), (record,))
    plain = msgspec.to_builtins(change)
    del plain["via"]
    assert msgspec.convert(plain, RecordChange) == change
