"""``pointsman describe`` as a user runs it: its forms, JSON and exit codes; and what is told of kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from desk_kit import WorldFacts, end_world, start_world
from hostile_worlds import EVERYTHING, LONG, SURROGATES, documents_of, is_clean
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.errors import UserError
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.state.kind_facts import kind_facts
from pointsman.tui.cli import cli
from pointsman.tui.naming import find_object, kinds_of, parse_words

HERE = Path(__file__).resolve().parent
SMALL = HERE / "small_world.yaml"
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((HERE.parents[1] / "docs" / "output.schema.json").read_text())
)
GROUP = "gateway.networking.k8s.io"
LISTENER_SET = f"""
apiVersion: {GROUP}/v1
kind: ListenerSet
metadata: {{name: more, namespace: shop}}
spec:
  parentRef: {{name: main}}
  listeners: [{{name: extra, port: 8081, protocol: HTTP}}]
"""


def an_event(message: str, at: str, kind: str = "Warning") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"broken.{at}".lower().replace(":", "-"), "namespace": "shop"},
        "involvedObject": {
            "apiVersion": f"{GROUP}/v1",
            "kind": "HTTPRoute",
            "namespace": "shop",
            "name": "broken",
        },
        "type": kind,
        "reason": "Rejected",
        "message": message,
        "lastTimestamp": at,
        "count": 3,
    }


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """The small world, in which a controller has said something of the broken route."""
    documents = list(yaml.safe_load_all(SMALL.read_text()))
    documents += [
        an_event("no such \x1b[31mbackend", "2026-01-01T10:00:00Z"),
        an_event("later", "2026-01-01T11:00:00Z", "Normal"),
    ]
    file = tmp_path_factory.mktemp("eventful") / "world.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    child, facts = start_world("--load", str(file))
    yield facts
    end_world(child)


def describe(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["describe", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def answer(*arguments: str) -> dict[str, Any]:
    """The JSON, after a look at its shape."""
    document = json.loads(describe(*arguments, "-o", "json").output)
    SCHEMA.validate(document)
    assert document["command"] == "describe"
    return dict(document)


# -- a cluster


def test_a_route_of_a_cluster_with_its_events(eventful: WorldFacts) -> None:
    cluster = ("--kubeconfig", eventful["kubeconfig"])
    result = describe("httproute", "shop/broken", *cluster)
    assert result.return_value == 1
    text = result.output
    assert text.startswith("HTTPRoute shop/broken  2 findings\n")
    assert "GW103  backend Service shop/nowhere:8080: there is no such Service" in text
    assert "parent shop/main" in text
    assert "claimed FAIL  attaches ok" in text
    assert "EVENTS 2\n" in text
    assert text.index("later") < text.index("no such ·[31mbackend")
    assert "\x1b" not in text
    document = answer("httproute", "shop/broken", *cluster)
    facts = document["facts"]
    assert document["verdict"] == "FAIL"
    assert [one["rule"] for one in document["findings"]] == ["GW102", "GW103"]
    assert facts["object"] == {"group": GROUP, "kind": "HTTPRoute", "namespace": "shop", "name": "broken"}
    assert [one["message"] for one in facts["events"]] == ["later", "no such ·[31mbackend"]
    assert facts["events"][0]["at"] == 1767265200.0
    assert (facts["claimed"], facts["computed"]) == ("FAIL", "FAIL")
    refused = next(one for one in facts["conditions"] if one["type"] == "ResolvedRefs")
    assert refused["claimed"]["status"] == refused["computed"]["status"] == "False"


def test_without_events_none_are_asked_for(eventful: WorldFacts) -> None:
    cluster = ("--kubeconfig", eventful["kubeconfig"], "--no-events")
    assert "EVENTS" not in describe("hr/broken", *cluster).output
    assert answer("hr/broken", *cluster)["facts"]["events"] is None


def test_status_tells_of_each_kind_what_the_kinds_screen_shows(small_world: WorldFacts) -> None:
    ended = CliRunner().invoke(
        cli, ["status", "-o", "json", "--kubeconfig", small_world["kubeconfig"]], standalone_mode=False
    )
    kinds = json.loads(ended.output)["facts"]["kinds"]
    assert kinds["HTTPRoute"]["state"] == "live"
    assert kinds["HTTPRoute"]["objects"] == 2
    assert kinds["HTTPRoute"]["namespaces"] is None
    assert kinds["HTTPRoute"]["since"] > 1_700_000_000
    assert (kinds["GRPCRoute"]["objects"], set(kinds["GRPCRoute"])) == (0, set(kinds["HTTPRoute"]))


@pytest.mark.parametrize(
    ("state", "objects"), [("live", 0), ("absent", 0), ("stale", 0), ("denied", None), ("failed", None)]
)
def test_none_of_a_kind_that_was_not_read_is_not_none(state: Any, objects: int | None) -> None:
    snapshot = Snapshot(kinds={"TCPRoute": KindState(state, "why", 5.0, ("a",))})
    assert kind_facts(snapshot)["TCPRoute"] == {
        "state": state,
        "detail": "why",
        "since": 5.0,
        "namespaces": ["a"],
        "objects": objects,
    }


# -- files


@pytest.mark.parametrize(
    "words",
    [
        ("httproute", "shop/store"),
        ("httproute/store", "-n", "shop"),
        ("httproute/shop/store",),
        ("HTTPRoutes", "store"),
        ("hr/store",),
        ("httproutes.gateway.networking.k8s.io/store",),
        ("httproute.v1.gateway.networking.k8s.io", "shop/store"),
    ],
)
def test_every_form_means_the_same_object(words: tuple[str, ...]) -> None:
    result = describe(*words, "-f", str(SMALL))
    assert result.return_value == 0
    assert result.output.startswith("HTTPRoute shop/store")
    assert f"at     {SMALL}:" in result.output


@pytest.mark.parametrize(
    ("words", "users"),
    [
        (("gw", "shop/main"), [("HTTPRoute", "broken"), ("HTTPRoute", "store")]),
        (("gc", "edge"), [("Gateway", "main")]),
        (("gtw/main",), [("HTTPRoute", "broken"), ("HTTPRoute", "store")]),
        (("svc", "store"), [("HTTPRoute", "store")]),
        (("ns", "shop"), []),
    ],
)
def test_who_refers_to_it(words: tuple[str, ...], users: list[tuple[str, str]]) -> None:
    facts = answer(*words, "-f", str(SMALL))["facts"]
    assert [(one["object"]["kind"], one["object"]["name"]) for one in facts["used_by"]] == users
    assert all(one["how"] for one in facts["used_by"])
    assert facts["events"] is None
    text = describe(*words, "-f", str(SMALL)).output
    assert f"USED BY {len(users)}\n" in text


@pytest.mark.parametrize(("allowed", "status"), [("None", "False"), ("Same", "True")])
def test_a_listener_set_has_what_the_specs_give_it(tmp_path: Path, allowed: str, status: str) -> None:
    documents = [*yaml.safe_load_all(SMALL.read_text()), yaml.safe_load(LISTENER_SET)]
    gateway = next(one for one in documents if one["kind"] == "Gateway")
    gateway["spec"]["allowedListeners"] = {"namespaces": {"from": allowed}}
    file = tmp_path / "world.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    told = {
        (one["subject"], one["type"]): one["computed"]["status"]
        for one in answer("listenerset", "more", "-f", str(file))["facts"]["conditions"]
    }
    assert told["ListenerSet shop/more", "Accepted"] == status
    text = describe("ls/more", "-f", str(file)).output
    if status == "True":
        assert told["ListenerSet shop/more/extra", "Accepted"] == "True"
        assert "listener extra  HTTP :8081" in text
    else:
        assert "specs: Accepted        False    NotAllowed" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("httprout", "x"), "Pointsman reads no kind 'httprout'; did you mean HTTPRoute"),
        (("zebra", "x"), "Pointsman reads no kind 'zebra'"),
        (("httproute.example.net", "x"), "Pointsman reads no kind"),
        (("httproute", "shop/stor"), "there is no HTTPRoute shop/stor among these files; near: shop/store"),
        (("httproute", "media/store"), "near: shop/store"),
        (("gatewayclass", "x"), "there are: edge"),
        (("httproute",), "HTTPRoute needs a name; there are: shop/broken, shop/store"),
        (("a/b/c/d",), "names no object"),
        (("httproute", "shop/", "x"), "names no object"),
        (("httproute", "shop/store", "-n", "media"), "name different namespaces"),
        (("grpcroute", "x"), "there is no GRPCRoute x among these files"),
    ],
)
def test_what_is_not_there_is_one_clear_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as error:
        describe(*words, "-f", str(SMALL))
    assert said in str(error.value)
    assert getattr(error.value, "status", None) is None


def test_one_name_in_two_namespaces_asks_which(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all(SMALL.read_text()))
    for one in documents:
        one["metadata"]["namespace"] = "other"
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    files = ("-f", str(file), "-f", str(SMALL))
    with pytest.raises(UserError, match="there are 2 of HTTPRoute store; name one: other/store, shop/store"):
        describe("httproute", "store", *files)
    assert answer("httproute/other/store", *files)["facts"]["object"]["namespace"] == "other"


# -- names


@pytest.mark.parametrize(
    ("kinds", "what"),
    [
        ({"HTTPRoute": KindState("denied", "forbidden")}, "HTTPRoute objects are denied"),
        ({"HTTPRoute": KindState("live", namespaces=("media",))}, "read in media only"),
        ({}, "HTTPRoute objects are loading"),
    ],
)
def test_what_could_not_be_read_is_not_none(kinds: dict[str, KindState], what: str) -> None:
    with pytest.raises(UserError) as error:
        find_object(Snapshot(kinds=kinds), parse_words(["httproute", "shop/x"]), None)
    assert what in str(error.value)
    # told with the exit code of what could not be determined
    assert error.value.status == 0  # type: ignore[attr-defined]


def test_a_kind_that_the_cluster_does_not_serve() -> None:
    with pytest.raises(UserError, match="does not serve TCPRoute") as error:
        find_object(Snapshot(kinds={"TCPRoute": KindState("absent")}), parse_words(["tcproute", "x"]), None)
    assert getattr(error.value, "status", None) is None


@given(st.sampled_from(KINDS), st.sampled_from((str.lower, str.upper, str.title)), st.booleans())
def test_every_kind_is_meant_by_its_own_words(spec: Any, case: Any, grouped: bool) -> None:
    for word in (spec.kind, spec.plural):
        asked = f"{word}.{spec.group}" if grouped and spec.group else word
        assert spec in kinds_of(case(asked), Snapshot())


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_words_end_in_an_object_or_in_one_line(words: list[str]) -> None:
    snapshot = read_documents(list(yaml.safe_load_all(SMALL.read_text())))
    told = ""
    try:
        assert find_object(snapshot, parse_words(words), None).name in words[-1]
    except UserError as error:
        told = str(error)
    assert is_clean(told)


# -- hostile text


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    words = [word for word in (*EVERYTHING, LONG) if word not in SURROGATES]
    documents = [one for one in documents_of(words) if one["metadata"]["name"].isalpha()]
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    snapshot = read_documents(documents)
    kinds = {
        (one["kind"], one["apiVersion"].rpartition("/")[0], one["metadata"]["name"]) for one in documents
    }
    asked = 0
    for kind, group, name in sorted(kinds):
        try:
            spec = kinds_of(f"{kind}.{group}" if group else kind, snapshot)
        except UserError:
            continue
        word = f"{spec[0].kind}.{group}" if group else kind
        for form in ("text", "json"):
            try:
                text = describe(word, name, "-f", str(file), "-o", form).output
                asked += 1
            except UserError as error:
                text = str(error)
            assert all(is_clean(row) for row in text.split("\n"))
    assert asked > 20
