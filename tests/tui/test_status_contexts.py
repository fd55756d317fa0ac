"""``pointsman status`` of several contexts at once, and the list of contexts to choose from."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from desk_kit import WorldFacts, end_world, start_world
from pointsman.cluster.client.kubeconfig import list_contexts
from pointsman.cluster.errors import UserError
from pointsman.cluster.snapshot import KindState
from pointsman.tui.commands.status import _trust_lines
from pointsman.tui.lines import plain
from pty_kit import run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text())
OK, FAIL, USAGE, COULD_NOT_TELL = 0, 1, 2, 3


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """The small world without its broken route."""
    documents = list(yaml.safe_load_all((Path(__file__).parent / "small_world.yaml").read_text()))
    file = tmp_path_factory.mktemp("whole") / "world.yaml"
    file.write_text(yaml.safe_dump_all(one for one in documents if one["metadata"]["name"] != "broken"))
    child, facts = start_world("--load", str(file))
    yield facts
    end_world(child)


@pytest.fixture
def fleet(small_world: WorldFacts, whole_world: WorldFacts, tmp_path: Path) -> Iterator[str]:
    """One kubeconfig: a broken world, a whole one, a server that refuses and one that never answers."""
    merged: dict[str, Any] = {"clusters": [], "users": [], "contexts": []}

    def add(name: str, cluster: dict[str, Any], user: dict[str, Any]) -> None:
        merged["clusters"].append({"name": name, "cluster": cluster})
        merged["users"].append({"name": name, "user": user})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})

    for name, facts in (("broken", small_world), ("whole", whole_world)):
        document = yaml.safe_load(Path(facts["kubeconfig"]).read_text())
        add(name, document["clusters"][0]["cluster"], document["users"][0]["user"])
    with socket.create_server(("127.0.0.1", 0)) as gone, socket.create_server(("127.0.0.1", 0)) as mute:
        add("mute", {"server": f"https://127.0.0.1:{mute.getsockname()[1]}"}, {"token": "not-a-real-one"})
        add("gone", {"server": f"https://127.0.0.1:{gone.getsockname()[1]}"}, {"token": "not-a-real-one"})
        gone.close()
        file = tmp_path / "fleet"
        file.write_text(yaml.safe_dump({**merged, "current-context": "whole"}))
        yield str(file)


def status(fleet: str, *contexts: str, timeout: str = "20") -> tuple[int, dict[str, Any]]:
    options = [option for context in contexts for option in ("--context", context)]
    ended = run("status", "--kubeconfig", fleet, "-o", "json", "--timeout", timeout, *options)
    assert ended.stderr == ""
    document = json.loads(ended.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return ended.returncode, document


def test_two_clusters_are_told_together(fleet: str) -> None:
    code, document = status(fleet, "broken", "whole")
    assert (code, document["verdict"]) == (FAIL, "FAIL")
    contexts = {one["context"]: one for one in document["facts"]["contexts"]}
    assert list(contexts) == ["broken", "whole"]
    assert [one["verdict"] for one in contexts.values()] == ["FAIL", "PASS"]
    assert [one["routes"] for one in contexts.values()] == [2, 1]
    assert contexts["whole"]["kinds"]["HTTPRoute"]["state"] == "live"
    assert {one["context"] for one in document["findings"]} == {"broken"}


def test_one_that_is_not_reached_is_unknown_and_the_others_are_told(fleet: str) -> None:
    code, document = status(fleet, "whole", "gone")
    assert (code, document["verdict"]) == (COULD_NOT_TELL, "UNKNOWN")
    (finding,) = document["findings"]
    assert (finding["rule"], finding["context"], finding["verdict"]) == ("GW006", "gone", "UNKNOWN")
    assert "connection refused" in finding["summary"]
    assert finding["reproduce"] == "kubectl --context=gone get --raw /readyz"
    code, document = status(fleet, "gone", "broken")
    assert (code, document["verdict"]) == (FAIL, "FAIL")


def test_one_that_never_answers_costs_no_more_than_the_deadline(fleet: str) -> None:
    started = time.monotonic()
    code, document = status(fleet, "mute", "whole", timeout="10")
    # the rest is starting the program; a request alone would wait for 30 s
    assert time.monotonic() - started < 25
    assert code == COULD_NOT_TELL
    verdicts = {one["context"]: one["verdict"] for one in document["facts"]["contexts"]}
    assert verdicts == {"mute": "UNKNOWN", "whole": "PASS"}


def test_a_section_each_in_text(fleet: str) -> None:
    ended = run(
        "status", "--kubeconfig", fleet, "--context", "whole", "--context", "gone", "--context", "broken"
    )
    rows = ended.stdout.splitlines()
    assert rows[0] == "whole   1 gateway  1 route   nothing wrong"
    assert "gone   UNKNOWN  not reached" in rows
    assert [row for row in rows if row.startswith("broken   1 gateway  2 routes   ")]
    assert ended.returncode == FAIL


def test_the_same_context_twice_is_one(fleet: str) -> None:
    code, document = status(fleet, "whole", "whole")
    assert code == OK
    assert document["facts"]["context"] == "whole"


def test_a_single_context_is_told_as_ever(fleet: str) -> None:
    code, document = status(fleet, "broken")
    assert (code, document["facts"]["context"], document["facts"]["routes"]) == (FAIL, "broken", 2)
    assert "context" not in document["findings"][0]


def test_a_context_that_no_file_names_is_wrong_usage(fleet: str) -> None:
    ended = run("status", "--kubeconfig", fleet, "--context", "whole", "--context", "who\x1b[31mle")
    assert (ended.returncode, ended.stdout) == (USAGE, "")
    assert ended.stderr == (
        "pointsman: there is no context who·[31mle; known contexts are: broken, gone, mute, whole\n"
    )


def test_kinds_that_are_not_live_are_told() -> None:
    states = {
        "Gateway": KindState("live"),
        "TLSRoute": KindState("absent"),
        "HTTPRoute": KindState("denied", "forbidden"),
        "Secret": KindState("denied", "forbidden"),
        "Service": KindState("failed", "no answer in time"),
        "GRPCRoute": KindState("live", "", 0.0, ("shop", "pay")),
    }
    assert [plain(row) for row in _trust_lines(states, 100)] == [
        " denied: HTTPRoute, Secret",
        " failed: Service",
        " read in shop, pay only: GRPCRoute",
    ]


# -- the contexts to choose from


def test_every_context_is_listed_and_broken_entries_are_left_out(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    first.write_text(
        yaml.safe_dump(
            {
                "clusters": [
                    {"name": "eu", "cluster": {"server": "https://jo:secret@eu.example:6443"}},
                    {"name": "us"},
                    "nonsense",
                ],
                "contexts": [
                    {"name": "prod", "context": {"cluster": "eu", "user": "jo"}},
                    {"name": "lost", "context": {"cluster": "none"}},
                    {"name": "evil\x1b[2J", "context": {"cluster": "eu"}},
                    {"context": {"cluster": "eu"}},
                    {"name": "empty", "context": None},
                    7,
                ],
            }
        )
    )
    second.write_text("contexts: [[[\n")
    third.write_text(
        "current-context: prod\ncontexts:\n- {name: prod, context: {cluster: us}}\n- {name: b, context: {}}\n"
    )
    environ = {"KUBECONFIG": f"{first}:{second}:{third}:{tmp_path / 'none'}"}
    assert [(one.name, one.cluster, one.server, one.current) for one in list_contexts(None, environ)] == [
        ("b", "", "", False),
        ("lost", "none", "", False),
        ("prod", "eu", "https://eu.example:6443", True),
    ]


def test_no_file_no_contexts_and_a_named_one_must_be_there(tmp_path: Path) -> None:
    assert list_contexts(None, {"KUBECONFIG": str(tmp_path / "none")}) == ()
    with pytest.raises(UserError, match="does not exist"):
        list_contexts(str(tmp_path / "none"))
    (tmp_path / "broken").write_text("a: [")
    with pytest.raises(UserError, match="not YAML"):
        list_contexts(str(tmp_path / "broken"))


def test_the_shell_completes_contexts(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    contexts = [{"name": name, "context": {"cluster": "c"}} for name in ("prod-eu", "prod-us", "test")]
    file.write_text(yaml.safe_dump({"contexts": contexts}))

    def offered(words: str, kubeconfig: str) -> list[str]:
        place = str(words.count(" "))
        ended = run(
            KUBECONFIG=kubeconfig,
            _POINTSMAN_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=place,
        )
        return [row.partition(",")[2] for row in ended.stdout.splitlines() if row]

    assert offered("pointsman status --context prod", str(file)) == ["prod-eu", "prod-us"]
    assert offered("pointsman diagnose -f x --context t", str(file)) == ["test"]
    assert offered("pointsman status --context t", str(tmp_path / "none")) == []
