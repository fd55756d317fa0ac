"""The read-only manifests on a real API server: enough, and no verb too many; Secrets; nothing written."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pointsman.checklists.plans.load import load_plan
from pointsman.cluster.client import fetch
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.discovery import Served, discover
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.snapshot import Snapshot
from pointsman.tui.app import PointsmanApp
from pointsman.tui.bridge import Bridge
from pointsman.tui.settings import Settings
from rights_kit import PERMISSIONS, READING, Json, Right, Scene, asked, documents, refused, rights_of, without
from rights_session import (
    COMMANDS,
    fetch_each,
    fetch_some_events,
    findings,
    follow,
    look_once,
    said,
    states,
)
from rights_table import Row, reading_rows

pytestmark = pytest.mark.live
MANIFESTS = ("read-only.yaml", "controller-pods.yaml")
PODS = "pods of envoy-gateway-system/envoy-gateway"
LOOKED_AT = ObjectRef("Ingress", "shop", "store", group="networking.k8s.io")
# the kinds of the cluster's objects that no screen shows whole: nothing ever says of them "look at its YAML"
NEVER_WHOLE = frozenset({"Secret", "Namespace", "EndpointSlice", "IngressClass", "NetworkPolicy", "Pod"})


@pytest.fixture(scope="module")
def whole(scene: Scene) -> Json:
    """A user with all of it: what each part of a session says, and what the session asked."""
    user = "user-0"
    scene.clerk.let(user, documents(*MANIFESTS, user=user))
    kubeconfig = scene.server.kubeconfig(user)
    mark = scene.server.audit_mark()
    snapshot = look_once(kubeconfig)
    found: Json = {"once": states(snapshot), "said": said(kubeconfig, snapshot)}
    found["looking"] = asked(scene.server.audit(user, mark))
    mark = scene.server.audit_mark()
    found["live"] = follow(kubeconfig, lambda known: known == found["once"])
    found["following"] = asked(scene.server.audit(user, mark))
    mark = scene.server.audit_mark()
    found["yaml"] = fetch_each(kubeconfig, whole_samples(scene))
    found["events"] = fetch_some_events(kubeconfig, LOOKED_AT)
    found["fetching"] = asked(scene.server.audit(user, mark))
    return found


def whole_samples(scene: Scene) -> list[ObjectRef]:
    return [ref for ref in scene.samples if ref.kind not in NEVER_WHOLE]


def anywhere(rights: Iterable[Right]) -> set[Right]:
    """The same without namespaces, resources alone."""
    return {Right(one.group, one.resource, one.verb) for one in rights if not one.resource.startswith("/")}


@pytest.mark.parametrize("file", ["read-only.yaml", "controller-pods.yaml", "namespace.yaml", "cutover.yaml"])
def test_kubectl_applies_a_manifest_as_it_stands(scene: Scene, file: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    text = (PERMISSIONS / file).read_text().replace("NAME", "jo@example.com")
    argv = [kubectl, "--kubeconfig", str(scene.server.kubeconfig()), "apply", "--validate=strict"]
    for again in ("created", "unchanged"):
        done = subprocess.run(
            [*argv, "-f", "-"], input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        assert {line.split()[-1] for line in done.stdout.splitlines()} == {again}


def test_with_all_of_it_everything_works_and_nothing_is_refused(scene: Scene, whole: Json) -> None:
    assert set(whole["once"].values()) == {"live"}
    assert set(whole["live"].values()) == {"live"}
    assert not any(whole["yaml"].values()), whole["yaml"]
    assert not whole["events"]
    assert not refused(scene.server.audit("user-0"))


def test_the_manifests_are_what_is_asked_for_and_the_page_says_so(scene: Scene, whole: Json) -> None:
    granted = set(rights_of(documents(*MANIFESTS)))
    used = anywhere([*whole["looking"], *whole["following"], *whole["fetching"]])
    assert anywhere(granted) == used
    described = [Right(row.group, row.resource, verb) for row in reading_rows() for verb in row.verbs]
    assert Counter(described) == Counter(anywhere(granted)), "each once"
    pods = {one.where for one in used_in(whole, "pods")}
    assert pods == {one.where for one in granted if one.resource == "pods"}


def used_in(whole: Json, resource: str) -> set[Right]:
    return {right for part in ("looking", "following") for right in whole[part] if right.resource == resource}


def test_what_is_taken_away_is_felt_where_it_is_used_alone(scene: Scene, whole: Json) -> None:
    """So that the tests below need to look at one part each: only commands and screens list, only screens
    watch, only the YAML screen gets.
    """
    verbs = {
        part: {right.verb for right in anywhere(whole[part])} for part in ("looking", "following", "fetching")
    }
    assert verbs == {"looking": {"list"}, "following": {"list", "watch"}, "fetching": {"get", "list"}}
    assert {right.resource for right in whole["fetching"] if right.verb == "list"} == {"events"}


# -- each right on its own


def each_without(scene: Scene, verb: str, look: Callable[[Right, Path], list[str]]) -> list[str]:
    """What ``look`` finds wrong where each right with this verb is taken away, and no other."""
    rights = sorted(right for right in rights_of(documents(*MANIFESTS)) if right.verb == verb)
    assert rights

    def one(numbered: tuple[int, Right]) -> list[str]:
        number, right = numbered
        user = f"user-{number + 1}"
        scene.clerk.let(user, without(documents(*MANIFESTS, user=user), right))
        mark = scene.server.audit_mark()
        wrong = look(right, scene.server.kubeconfig(user))
        not_given = anywhere(refused(scene.server.audit(user, mark)))
        if not_given != anywhere([right]):
            wrong.append(f"refused {not_given}")
        return [f"without {right}: {line}" for line in wrong]

    with ThreadPoolExecutor(3) as pool:
        return [line for lines in pool.map(one, enumerate(rights)) for line in lines]


def test_without_get_only_the_object_itself_is_lacking(
    scene: Scene, whole: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is served is the same for all, and told to everybody
    served = served_by(scene)
    monkeypatch.setattr(fetch, "discover", lambda _: served)

    def look(right: Right, kubeconfig: Path) -> list[str]:
        troubles = {
            kind: words for kind, words in fetch_each(kubeconfig, whole_samples(scene)).items() if words
        }
        if len(troubles) != 1:
            return [str(troubles)]
        ((kind, words),) = troubles.items()
        wrong = []
        if plural_of(kind) != right.resource:
            wrong.append(f"{kind} is lacking")
        if rule_of(right) not in words or "\n" in words:
            wrong.append(f"it says {words!r}")
        return wrong

    assert each_without(scene, "get", look) == []


def served_by(scene: Scene) -> Served:
    connection = connect(str(scene.server.kubeconfig()))
    try:
        return discover(connection)
    finally:
        connection.close()


def plural_of(kind: str) -> str:
    lower = kind.lower()
    return (
        lower[:-1] + "ies" if lower.endswith("cy") else lower + ("es" if lower.endswith(("s", "h")) else "s")
    )


def rule_of(right: Right) -> str:
    group = right.group or '""'
    return f"{{apiGroups: [{group}], resources: [{right.resource}], verbs: [{right.verb}]}}"


def test_without_watch_a_kind_is_asked_again(scene: Scene, whole: Json) -> None:
    def look(right: Right, kubeconfig: Path) -> list[str]:
        wanted = {**whole["live"]}
        kind = PODS if right.resource == "pods" else kind_of(right, wanted)
        wanted[kind] = "live: it may be listed, not watched: asked every 30 s"
        found = follow(
            kubeconfig, lambda known: known.get(kind) == wanted[kind] and set(known) == set(wanted)
        )
        return [] if found == wanted else [str(found)]

    assert each_without(scene, "watch", look) == []


def kind_of(right: Right, kinds: Iterable[str]) -> str:
    (kind,) = (kind for kind in kinds if plural_of(kind) == right.resource)
    return kind


def test_without_list_a_kind_is_denied_and_what_hangs_on_it_is_unknown(scene: Scene, whole: Json) -> None:
    seen: dict[Right, tuple[Path, Snapshot]] = {}

    def look(right: Right, kubeconfig: Path) -> list[str]:
        if right.resource == "events":
            words = fetch_some_events(kubeconfig, LOOKED_AT)
            return [] if rule_of(right) in words else [f"it says {words!r}"]
        seen[right] = (kubeconfig, look_once(kubeconfig))
        wrong = []
        gone = {PODS} if right.resource == "deployments" else set()
        followed = follow(kubeconfig, lambda known: set(known) == set(whole["live"]) - gone)
        for how, found in (("once", states(seen[right][1])), ("live", followed)):
            changed = {kind for kind in whole[how] if found.get(kind) != whole[how][kind]}
            wanted = {PODS} if right.resource == "pods" else {kind_of(right, whole[how])}
            if changed - gone != wanted or not all(found[kind].startswith("denied") for kind in wanted):
                wrong.append(f"{how}: {changed}")
        return wrong

    assert each_without(scene, "list", look) == []
    rows = {Right(row.group, row.resource, "list"): row for row in reading_rows()}
    wrong = [
        f"without {right}: {line}"
        for right, (kubeconfig, snapshot) in sorted(seen.items())
        for line in as_the_page_says(rows[right_anywhere(right)], whole["said"], said(kubeconfig, snapshot))
    ]
    assert wrong == []


def right_anywhere(right: Right) -> Right:
    return Right(right.group, right.resource, right.verb)


def as_the_page_says(
    row: Row, with_it: dict[str, frozenset[str]], lacking: dict[str, frozenset[str]]
) -> list[str]:
    """Only what the page names is UNKNOWN, and nothing is claimed that was not claimed with the right."""
    new = {line for name in COMMANDS for line in lacking[name] - with_it[name]}
    unknown = {line.split()[1] for line in new if line.startswith("UNKNOWN ")}
    ending = {name for name in COMMANDS if "exit code 2" in lacking[name]}
    lies = {line for line in new if not line.startswith(("UNKNOWN ", "exit code", "refused: "))}
    wrong = [f"it claims {sorted(lies)}"] if lies else []
    if unknown != row.unknown:
        wrong.append(f"UNKNOWN {sorted(unknown)}, by the page {sorted(row.unknown)}")
    if ending != row.ending:
        wrong.append(f"{sorted(ending)} end with 2, by the page {sorted(row.ending)}")
    return wrong


# -- Secrets, and writes


def test_no_secret_ever_leaves_the_server(scene: Scene, whole: Json) -> None:
    events = [one for one in scene.server.audit() if one.get("objectRef", {}).get("resource") == "secrets"]
    ours = [one for one in events if one["user"]["username"].startswith("user-")]
    assert len(ours) > 2
    assert {one["verb"] for one in ours} == {"list", "watch"}
    answered = [one for one in ours if one["responseStatus"].get("code") == 200 and one["verb"] == "list"]
    assert answered
    for one in answered:
        response = one["responseObject"]
        assert response["kind"] == "PartialObjectMetadataList"
        assert response["items"]
        assert {key for item in response["items"] for key in item} <= {"kind", "apiVersion", "metadata"}
    for one in ours:
        assert '"data"' not in json.dumps(one)
        assert "fieldSelector=type%3Dkubernetes.io%2Ftls" in one["requestURI"]


def test_a_session_on_the_command_line_reads_and_asks_about_itself(scene: Scene) -> None:
    """All commands that talk to a cluster, with the rights and without any: never another verb."""
    plan = str(scene.world.info.plans["store.shop.test"])
    commands = [*COMMANDS.values(), ("describe", "ingress", "shop/store"), ("check", plan)]
    for user, manifests in (("user-50", MANIFESTS), ("user-51", ())):
        scene.clerk.let(user, documents(*manifests, user=user))
        mark = scene.server.audit_mark()
        for words in commands:
            findings(scene.server.kubeconfig(user), *words)
        events = scene.server.audit(user, mark)
        assert {one.verb for one in asked(events) if not one.resource.startswith("/")} <= READING
        writes = {one["objectRef"]["resource"] for one in events if one["verb"] not in READING}
        assert writes <= {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}
        if manifests:
            assert not refused(events)
            assert not writes


TABLES = (
    "gateways",
    "gatewayclasses",
    "listenersets",
    "referencegrants",
    "policies",
    "ingresses",
    "services",
)


async def test_a_session_on_the_screens_reads_alone(scene: Scene) -> None:
    """Every table and list; of one row all that is known, its YAML, its events and who refers to it."""
    user = "user-53"
    scene.clerk.let(user, documents(*MANIFESTS, user=user))
    kubeconfig = str(scene.server.kubeconfig(user))
    mark = scene.server.audit_mark()
    plan = load_plan(str(scene.world.info.plans["store.shop.test"]))
    app = PointsmanApp(Settings(kubeconfig=kubeconfig), Bridge(lambda: connect(kubeconfig), None), [plan])
    async with app.run_test(size=(140, 45)) as pilot:
        async with asyncio.timeout(40):
            while not all_live(app.picture.snapshot):
                await pilot.pause(0.05)
        for table in ("routes", *TABLES):
            await pilot.press("colon", *table, "enter")
            await pilot.press("j")
            for look in ("d", "y", "e", "u"):
                await pilot.press(look)
                await pilot.pause()
                await app.workers.wait_for_complete()
                await pilot.press("escape")
        await pilot.press("colon", *"routes", "enter")
        for look in ("t", "x", "c", "F", "i", "at"):
            await pilot.press(look)
            await pilot.pause()
            await pilot.press("escape")
    events = scene.server.audit(user, mark)
    kinds = asked(events)
    assert {one.verb for one in kinds} == READING
    assert not refused(events)
    got = {one.resource for one in kinds if one.verb == "get" and not one.resource.startswith("/")}
    assert got >= {
        "httproutes",
        "gateways",
        "gatewayclasses",
        "ingresses",
        "services",
        "backendtrafficpolicies",
    }


def all_live(snapshot: Snapshot) -> bool:
    states_now = snapshot.kinds.values()
    return len(states_now) > 20 and {state.state for state in states_now} <= {"live", "absent"}


def test_a_missing_right_is_told_with_the_rule_to_add(scene: Scene) -> None:
    user = "user-52"
    right = Right("gateway.networking.k8s.io", "httproutes", "list")
    scene.clerk.let(user, without(documents(*MANIFESTS, user=user), right))
    snapshot = look_once(scene.server.kubeconfig(user))
    mend = snapshot.state_of("HTTPRoute").mend
    assert mend == f"ask for a ClusterRole with the rule {rule_of(right)}"
    assert re.search(r"\bHTTPRoute\b.*denied|denied", states(snapshot)["HTTPRoute"])
