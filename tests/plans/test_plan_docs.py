"""docs/plan.md says what the loader reads: every field, every probe, every parameter; its examples load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plan_kit import REPOSITORY
from pointsman.checklists.checks import checklist as checklists
from pointsman.checklists.checks.command import told_to_command
from pointsman.checklists.checks.context import CheckContext
from pointsman.checklists.plans import load, load_dns
from pointsman.checklists.plans.model import CONSOLES, PROVIDERS, Durations, Plan, Thresholds, TrafficPlan
from pointsman.checklists.programs import ALWAYS_PASSED
from pointsman.cluster.errors import UserError

DOCS = (REPOSITORY / "docs" / "plan.md").read_text()


def rows(heading: str) -> Iterator[list[str]]:
    section = DOCS.partition(heading)[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line[1:-1].split("|")]


def fenced(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", DOCS)


def documented() -> set[str]:
    return {name for row in rows("## Every field") for name in re.findall(r"`([^`]+)`", row[0])}


def test_every_field_of_the_loader_is_in_the_table() -> None:
    named = documented()
    assert set(load.KNOWN) <= named
    assert {f"dns.{name}" for name in load_dns.KNOWN} <= named
    for group, model in (("durations", Durations), ("thresholds", Thresholds)):
        assert {f"{group}.{one.name}" for one in msgspec.inspect.type_info(model).fields} <= named  # type: ignore[union-attr]
    for side in ("old", "new"):
        assert {f"{side}.address", f"{side}.ipv6"} <= named
        assert {f"traffic.{side}.pods", f"traffic.{side}.prometheus"} <= named
    assert {f"paths[].{name}" for name in ("path", "statuses", "hosts")} <= named


def test_the_table_names_no_field_that_is_not_read(tmp_path: Path) -> None:
    first = {re.split(r"[.\[]", name)[0] for name in documented()}
    assert first == set(load.KNOWN)
    known_dns = {name.partition(".")[2] for name in documented() if name.startswith("dns.")}
    assert known_dns == set(load_dns.KNOWN)
    said = " ".join(row[1] for row in rows("## Every field") if len(row) > 1)
    assert all(f"`{name}`" in said for name in (*PROVIDERS, *CONSOLES))


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = [text for text in fenced("yaml") if "CutoverPlan" in text]
    (tmp_path / "plan.yaml").write_text(example)
    plan = load.load_plan(tmp_path / "plan.yaml")
    assert len(plan.waves) == 2
    assert plan.paths[1].statuses == (401,)


def test_the_checklist_loads_and_its_probes_are_in_the_table(tmp_path: Path) -> None:
    (example,) = [text for text in fenced("yaml") if "Checklist" in text]
    (tmp_path / "checks.yaml").write_text(example)
    own = checklists.load_checklist(tmp_path / "checks.yaml").checks[-2:]
    assert [check.probe for check in own] == ["manual", "command"]
    assert own[1].params["run"][0] == str(tmp_path / "frozen")
    table: dict[str, dict[str, str]] = {}
    probe = ""
    for row in rows("## Checklists"):
        if len(row) == 3 and row[0] not in ("Probe", "It ends with"):
            probe = row[0].strip("`") or probe
            table.setdefault(probe, {})
            if row[1]:
                table[probe][row[1].strip("`")] = row[2]
    assert table.keys() == checklists.PROBES.keys()
    for name, known in checklists.PROBES.items():
        assert table[name] == {param: one.what for param, one in known.params.items()}


def test_the_contract_of_a_command_is_what_it_is_told(tmp_path: Path) -> None:
    (example,) = [text for text in fenced("yaml") if "CutoverPlan" in text]
    (tmp_path / "plan.yaml").write_text(example)
    plan = load.load_plan(tmp_path / "plan.yaml")
    check = checklists.load_checklist("pre-cutover").checks[0]
    section = DOCS.partition("### A command of your own")[2].partition("\n## ")[0]
    assert all(
        f"`{name}`" in section for name in (*told_to_command(CheckContext(plan), check), *ALWAYS_PASSED)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nmae": "x"}, r"plan\.yaml:\d+: nmae: unknown field; did you mean name"),
        ({"paths": "[{path: /, hosts: [x.test]}]"}, r"paths\[0\]\.hosts\[0\]: \"x\.test\" is not one of"),
        ({"paths": "[{path: /, hosts: [docs.shop.example]}]"}, r"paths: no path is asked of store\.shop"),
        ({"paths": "[/a, {path: /a}]"}, r"paths\[1\]: the path /a stands here twice"),
        (
            {"waves": "[[docs.shop.example]]"},
            r"waves: store\.shop\.example, .* is in no wave",
        ),
        ({"old": "{address: lb.example.net}"}, r"old\.address: expected an IP address"),
    ],
)
def test_a_mistake_in_the_example_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    (example,) = [text for text in fenced("yaml") if "CutoverPlan" in text]
    for name, value in change.items():
        kept = re.sub(rf"(?m)^{name}:.*\n((?:  .*\n)*)", "", example)
        example = f"{kept}{name}: {value}\n"
    (tmp_path / "plan.yaml").write_text(example)
    with pytest.raises(UserError, match=words):
        load.load_plan(tmp_path / "plan.yaml")


def test_the_models_are_those_that_are_read() -> None:
    # those of the other waves stand in no file
    assert {*load.KNOWN, "other_hosts"} - {"apiVersion", "kind"} == {
        one.name
        for one in msgspec.inspect.type_info(Plan).fields  # type: ignore[union-attr]
    }
    assert {one.name for one in msgspec.inspect.type_info(TrafficPlan).fields} == {"old", "new"}  # type: ignore[union-attr]
