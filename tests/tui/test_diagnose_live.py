"""``pointsman diagnose --against`` a running cluster."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from desk_kit import WorldFacts
from pty_kit import run

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parents[1] / "docs" / "output.schema.json").read_text())
SMALL = list(yaml.safe_load_all((HERE / "small_world.yaml").read_text()))


def against(world: WorldFacts, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("diagnose", "-f", str(file), *options, KUBECONFIG=world["kubeconfig"])


def parsed(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.stderr == ""
    document = json.loads(ended.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return dict(document)


def write(folder: Path, *documents: dict[str, Any]) -> Path:
    file = folder / "change.yaml"
    bare = [{key: value for key, value in one.items() if key != "status"} for one in documents]
    file.write_text(yaml.safe_dump_all(bare))
    return file


def named(name: str) -> dict[str, Any]:
    """A copy of a route of the small world."""
    found = (one for one in SMALL if (one["kind"], one["metadata"]["name"]) == ("HTTPRoute", name))
    return copy.deepcopy(next(found))


@pytest.mark.parametrize("option", [("--against",), ("--against", "-"), ("--against=pointsman-practice",)])
def test_what_the_cluster_holds_already_changes_nothing(
    small_world: WorldFacts, tmp_path: Path, option: tuple[str, ...]
) -> None:
    ended = against(small_world, write(tmp_path, *SMALL), "-o", "json", *option)
    document = parsed(ended)
    facts = document["facts"]
    assert (ended.returncode, document["verdict"], document["findings"]) == (0, "PASS", [])
    assert (facts["against"], facts["added"], facts["changed"]) == ("pointsman-practice", 0, 0)
    assert (facts["mended"], facts["awaits_answer"]) == ([], [])
    assert facts["stays"] > 0


def test_a_repair_and_a_new_fault(small_world: WorldFacts, tmp_path: Path) -> None:
    repaired = named("broken")
    repaired["spec"]["rules"][0]["backendRefs"][0]["name"] = "store"
    # without a namespace: it goes into the context's own, or the one that -n names
    fresh = named("store")
    fresh["metadata"] = {"name": "fresh"}
    fresh["spec"]["rules"][0]["backendRefs"][0]["name"] = "nobody"
    file = write(tmp_path, repaired, fresh)
    ended = against(small_world, file, "--against", "-n", "shop", "-o", "json")
    document = parsed(ended)
    assert (ended.returncode, document["verdict"]) == (1, "FAIL")
    (brought,) = document["findings"]
    assert (brought["rule"], brought["subject"]["namespace"], brought["subject"]["name"]) == (
        "GW103",
        "shop",
        "fresh",
    )
    assert [one["rule"] for one in document["facts"]["mended"]] == ["GW103"]
    assert "GW102" in {one["rule"] for one in document["facts"]["awaits_answer"]}
    text = " ".join(against(small_world, file, "--against", "-n", "shop").stdout.split())
    assert text.startswith("applied to pointsman-practice 1 new object 1 changed brings 1 FAIL FAIL GW103")
    assert "mends 1 FAIL FAIL GW103 HTTPRoute shop/broken/rule-0" in text
    assert "awaits an answer 1 FAIL" in text


def test_an_unknown_context_is_wrong_usage_and_broken_files_come_first(
    small_world: WorldFacts, tmp_path: Path
) -> None:
    ended = against(small_world, write(tmp_path, *SMALL), "--against", "nowhere")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "context nowhere is not in " in ended.stderr
    (tmp_path / "change.yaml").write_text("a: [\n")
    ended = against(small_world, tmp_path, "--against", "nowhere")
    assert (ended.returncode, "change.yaml:2:1: not YAML" in ended.stderr) == (2, True)
