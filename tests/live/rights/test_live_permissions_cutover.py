"""cutover.yaml on a real API server: each verb; a whole cutover writes what the page says, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pointsman.checklists.machine.view import RunView
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.plans.model import Plan
from pointsman.checklists.records.base import ObjectPatch
from pointsman.checklists.records.external_dns import objects
from pointsman.checklists.running.followed_lease import FollowedLease
from pointsman.checklists.running.holding import Holder
from pointsman.checklists.running.leasing import LeaseKeeper
from pointsman.checklists.running.ports import since_boot
from pointsman.checklists.running.traffic import new_source, old_source
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.errors import UserError
from pointsman.tui.cli import cli
from rights_counters import live_at, own_address, serving
from rights_kit import READING, Right, Scene, asked, documents, refused, right_of, rights_of, without
from rights_table import cutover_rights

pytestmark = pytest.mark.live
MANIFESTS = ("read-only.yaml", "controller-pods.yaml", "cutover.yaml")
HOST = "store.shop.test"
LEASES = "coordination.k8s.io"
KEY = "external-dns.alpha.kubernetes.io/ttl"
ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute")


@dataclass(frozen=True, slots=True)
class Staged:
    scene: Scene
    plan_file: Path
    plan: Plan


@pytest.fixture(scope="module")
def staged(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    """The plan of a host, with the counters of both sides behind the API server's pod proxy."""
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback, which the API server's pod proxy refuses")
    old, new = scene.world.world.old_edge, scene.world.world.new_edge
    assert old is not None
    assert new is not None
    with serving(address, old.prometheus_text) as at_old, serving(address, new.prometheus_text) as at_new:
        document = yaml.safe_load(scene.world.info.plans[HOST].read_text())
        for side, port in (("old", at_old), ("new", at_new)):
            pods = document["traffic"][side]["pods"]
            pods["port"] = port
            live_at(scene.admin, address, pods["namespace"], pods["selector"])
        plan_file = tmp_path_factory.mktemp("plan") / "store.yaml"
        plan_file.write_text(yaml.safe_dump(document))
        yield Staged(scene, plan_file, load_plan(str(plan_file)))


def test_the_page_has_each_right_of_the_manifest(scene: Scene) -> None:
    assert sorted(cutover_rights()) == sorted(rights_of(documents("cutover.yaml")))


# -- the Lease


@contextlib.contextmanager
def lacking(scene: Scene, user: str, *rights: Right) -> Iterator[Connection]:
    """A connection of a user with all rights but those."""
    scene.clerk.let(user, without(documents(*MANIFESTS, user=user), *rights))
    connection = connect(str(scene.server.kubeconfig(user)))
    try:
        yield connection
    finally:
        connection.close()


def keeper(connection: Connection, host: str, run: str = "aaaa1111", duration_s: int = 60) -> LeaseKeeper:
    holder = Holder(run, "ana@desk", "store", (host,), 1.0, 1)
    one = LeaseKeeper(connection, "infra", holder, duration_s=duration_s, every_s=0.1, elapsed=since_boot)
    one.publish(RunView(run, (host,), "watch", plan_name="store", operator="ana@desk", now=1.0))
    return one


def held(connection: Connection, host: str, duration_s: int = 60) -> str:
    one = keeper(connection, host, duration_s=duration_s)
    one.begin()
    try:
        return one.holding().detail
    finally:
        one.release()


def looked_at(connection: Connection, host: str) -> None:
    followed = FollowedLease.find(connection, (host,), "infra")
    try:
        followed.look()
    finally:
        followed.stop()


def test_a_lease_is_taken_renewed_followed_and_given_up(scene: Scene) -> None:
    with lacking(scene, "user-41") as connection:
        one = keeper(connection, "full.example.com")
        one.begin()
        assert "keeps others off" in one.holding().detail
        assert "may not be listed" not in one.holding().detail
        looked_at(connection, "full.example.com")
        one.release()
        assert "keeps others off" in held(connection, "full.example.com"), "taken again where it is there"
    assert not refused(scene.server.audit("user-41"))


@pytest.mark.parametrize(
    ("verb", "new", "there"),
    [
        ("create", "only the locks on this machine", "only the locks on this machine"),
        ("get", "keeps others off", "only the locks on this machine"),
        ("list", "only the very same hosts are seen", "only the very same hosts are seen"),
        ("patch", "keeps others off", "only the locks on this machine"),
    ],
)
def test_each_verb_on_leases(scene: Scene, verb: str, new: str, there: str) -> None:
    """Where the Lease has to be made, and where it is there already."""
    with lacking(scene, "user-42") as connection:
        held(connection, f"{verb}.example.com")
    right = Right(LEASES, "leases", verb, "infra")
    mark = scene.server.audit_mark()
    with lacking(scene, "user-43", right) as connection:
        assert new in held(connection, f"new.{verb}.example.com")
        assert there in held(connection, f"{verb}.example.com")
        if verb in ("list", "get"):
            with pytest.raises(UserError, match=f"cannot {verb} resource .leases"):
                looked_at(connection, f"{verb}.example.com")
    assert refused(scene.server.audit("user-43", mark)) == {right}


def test_a_lease_that_cannot_be_renewed_stops_what_goes_forward(scene: Scene) -> None:
    with lacking(scene, "user-44", Right(LEASES, "leases", "patch", "infra")) as connection:
        one = keeper(connection, "stuck.example.com", duration_s=1)
        one.begin()
        try:
            for _ in range(200):
                if not one.holding().held:
                    break
                time.sleep(0.05)
            assert "was not renewed for 1 s" in one.holding().detail
            assert 'cannot patch resource "leases"' in one.holding().detail
        finally:
            one.release()


# -- counters


@pytest.mark.parametrize(
    ("right", "side"),
    [
        (Right("", "pods", "list", "ingress-nginx"), "old"),
        (Right("", "pods/proxy", "get", "ingress-nginx"), "old"),
        (Right("", "pods/proxy", "get", "envoy-gateway-system"), "new"),
    ],
)
def test_each_right_on_pods(staged: Staged, right: Right, side: str) -> None:
    with lacking(staged.scene, "user-45") as connection:
        assert counted(staged.plan, connection) == {"old": "", "new": ""}
    with lacking(staged.scene, "user-46", right) as connection:
        told = counted(staged.plan, connection)
        assert told.pop(side).endswith(f"not allowed to {right.verb} {right.resource} in {right.where} (403)")
        assert set(told.values()) == {""}


def counted(plan: Plan, connection: Connection) -> dict[str, str]:
    """Why each side cannot be counted; empty where it can."""

    async def read() -> dict[str, str]:
        found = {}
        for side, source in (("old", old_source(plan, connection)), ("new", new_source(plan, connection))):
            assert source is not None
            reading = await source.read()
            assert reading.complete is not bool(reading.problems)
            found[side] = "; ".join(reading.problems)
            await source.close()
        return found

    return asyncio.run(read())


# -- external-dns


@pytest.mark.parametrize(
    ("resource", "kind", "group", "name"),
    [
        ("ingresses", "Ingress", "networking.k8s.io", "store"),
        ("httproutes", "HTTPRoute", "gateway.networking.k8s.io", "store"),
        ("grpcroutes", "GRPCRoute", "gateway.networking.k8s.io", "patched"),
        ("tlsroutes", "TLSRoute", "gateway.networking.k8s.io", "patched"),
        ("services", "Service", "", "store"),
    ],
)
def test_each_right_to_patch(scene: Scene, resource: str, kind: str, group: str, name: str) -> None:
    if name == "patched":
        rules = [{"backendRefs": [{"name": "store", "port": 80}]}]
        spec = {"hostnames": ["patched.shop.test"], "rules": rules, "parentRefs": [{"name": "main"}]}
        meta = {"namespace": "shop", "name": name}
        scene.admin.apply({"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "spec": spec})
    patch = ObjectPatch(kind, group, "shop", name, KEY, None, "60", None)
    (one,) = objects.groups((patch,))
    right = Right(group, resource, "patch", "shop")
    with lacking(scene, "user-47", right) as connection:
        with pytest.raises(UserError) as caught:
            objects.patch(connection, one)
        assert f"resources: [{resource}], verbs: [patch]" in str(caught.value)
        assert "a Role in shop" in str(caught.value)
    with lacking(scene, "user-48") as connection:
        assert objects.patch(connection, one) == ""
        assert objects.look(connection, one).annotations[KEY] == "60"


# -- a whole cutover


def test_a_cutover_writes_one_lease_and_nothing_else(staged: Staged) -> None:
    scene, user = staged.scene, "user-49"
    scene.clerk.let(user, documents(*MANIFESTS, user=user))
    mark = scene.server.audit_mark()
    words = ["cutover", str(staged.plan_file), "--write", "--confirm", HOST]
    done = CliRunner().invoke(cli, [*words, "--kubeconfig", str(scene.server.kubeconfig(user))])
    assert done.exit_code == 0, done.output
    events = scene.server.audit(user, mark)
    assert not refused(events)
    rights = {one for one in asked(events) if not one.resource.startswith("/")}
    lease = {Right(LEASES, "leases", verb, "infra") for verb in ("create", "patch")}
    assert {one for one in rights if one.verb not in READING} == lease
    names = {one["objectRef"].get("name", "") for one in events if right_of(one) in lease}
    assert len(names - {""}) == 1
    counters = {Right("", "pods/proxy", "get", where) for where in ("ingress-nginx", "envoy-gateway-system")}
    assert counters <= rights, "and both sides were counted"
    scene.clerk.let("user-36", without(documents("cutover.yaml", user="user-36"), *writes_and_pods()))
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(staged.plan_file.parent / "another machine"))
        words = ["follow", "--host", HOST, "--kubeconfig", str(scene.server.kubeconfig("user-36"))]
        done = CliRunner().invoke(cli, [*words, "-n", "infra"])
        assert done.exit_code == 0, done.output
        done = CliRunner().invoke(cli, words)
        assert "name the Gateway's namespace with -n" in str(done.exception)


def writes_and_pods() -> list[Right]:
    """All of the cutover's rights but those of somebody who only follows."""
    following = {("leases", "get"), ("leases", "list")}
    return [right for right in cutover_rights() if (right.resource, right.verb) not in following]
