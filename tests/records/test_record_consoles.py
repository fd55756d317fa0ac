"""What an operator is given to type: it says exactly the change, and no value breaks out of its quotes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.plans.model import CONSOLES, DnsPlan
from pointsman.checklists.records.base import RecordChange, RecordSet
from pointsman.checklists.records.consoles import console_text
from pointsman.checklists.records.show import Show
from records_kit import HOST, NEW, OLD, OLD6, ZONE, a_plan, a_set, change_of

SERVER = "192.0.2.53:53"
HOSTILE = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30),
    st.sampled_from(
        [
            "'; rm -rf ~ #",
            "$(id)",
            "`id`",
            '"',
            "a\\",
            "-rf",
            "--zone=other",
            "!!",
            "&& id",
            "@/etc/passwd",
            "~",
            "*",
        ]
    ),
)


def sets(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[RecordSet, ...]]:
    one = st.builds(
        lambda kind, ttl, found: RecordSet(HOST, kind, ttl, tuple(sorted(found))),
        st.sampled_from(["A", "AAAA", "CNAME"]),
        st.integers(1, 86400),
        st.sets(values, min_size=1, max_size=3),
    )
    return st.lists(one, unique_by=lambda item: item.type, max_size=3).map(lambda found: tuple(sorted(found)))


def dns(console: str, zone_id: str = "Z1") -> DnsPlan:
    return DnsPlan("show", ZONE, (SERVER,), 1, console=console, zone_id=zone_id)  # type: ignore[arg-type]


def commands(text: tuple[str, ...]) -> str:
    """Without the comments before it."""
    return "\n".join(line for line in text if not line.startswith("# "))


def keyed(items: tuple[RecordSet, ...]) -> dict[tuple[str, str], tuple[int, tuple[str, ...]]]:
    return {(item.host, item.type): (item.ttl, item.values) for item in items}


@given(before=sets(HOSTILE), after=sets(HOSTILE))
@settings(max_examples=80, deadline=None)
def test_route_53_swaps_exactly(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> None:
    change = RecordChange("switch", ZONE, (HOST,), before, after)
    text = console_text(change, dns("route53"))
    if before == after:
        assert text == ("nothing is to be changed",)
        return
    argv = shlex.split(commands(text).replace("\\\n", ""))
    assert argv[:3] == ["aws", "route53", "change-resource-record-sets"]
    assert argv[3:6] == ["--hosted-zone-id", "Z1", "--change-batch"]
    assert len(argv) == 7
    held = keyed(before)
    for step in json.loads(argv[6])["Changes"]:
        item = step["ResourceRecordSet"]
        key = (item["Name"].rstrip("."), item["Type"])
        content = (item["TTL"], tuple(one["Value"] for one in item["ResourceRecords"]))
        if step["Action"] == "DELETE":
            # exactly what is there, as Route 53 demands it
            assert held.pop(key) == content
        else:
            assert step["Action"] == "CREATE"
            assert key not in held
            held[key] = content
    assert held == keyed(after)


@given(before=sets(HOSTILE), after=sets(HOSTILE))
@settings(max_examples=80, deadline=None)
def test_cloud_dns_swaps_exactly(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> None:
    change = RecordChange("switch", ZONE, (HOST,), before, after)
    if before == after:
        return
    # every step stands on its own line, and no value brings another one
    lines = commands(console_text(change, dns("cloud-dns"))).split("\n")
    steps = [shlex.split(line.removesuffix(" &&")) for line in lines]
    assert [step[4] for step in steps[1:]] == [
        "start",
        *["remove"] * len([one for one, _ in change.differing if one]),
        *["add"] * len([one for _, one in change.differing if one]),
        "execute",
    ]
    held = keyed(before)
    for step in steps[2:-1]:
        name, kind, ttl = (step[index].partition("=")[2] for index in (7, 8, 9))
        assert step[10] == "--"
        content = (int(ttl), tuple(step[11:]))
        if step[4] == "remove":
            assert held.pop((name.rstrip("."), kind)) == content
        else:
            held[name.rstrip("."), kind] = content
    assert held == keyed(after)


@given(before=sets(HOSTILE), after=sets(HOSTILE), console=st.sampled_from(CONSOLES))
@settings(max_examples=150, deadline=None)
def test_no_value_breaks_out(
    before: tuple[RecordSet, ...], after: tuple[RecordSet, ...], console: str
) -> None:
    text = console_text(RecordChange("switch", ZONE, (HOST,), before, after), dns(console))
    # a shell that does not know comments where one types must not be led astray by them
    comments = [line for line in text if line.startswith("# ")]
    assert not any(character in "".join(comments) for character in "'\"`\\$();&|<>!")
    assert all(line.isprintable() for line in "\n".join(text).split("\n"))
    if console not in ("nsupdate", "zone-file"):
        shlex.split(commands(text))


@pytest.mark.parametrize("console", CONSOLES)
def test_what_no_command_can_say_is_not_said(console: str) -> None:
    change = change_of(a_set(OLD, 1), to=(RecordSet(HOST, "CNAME", 1, ("x\nupdate delete y",)),))
    text = console_text(change, dns(console))
    assert "change it by hand" in text[0]
    assert not any(line.startswith("update") for line in "\n".join(text).split("\n"))


RECORDER = """\
import json, os, sys
with open(os.environ["RECORDED"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if "get" in sys.argv:
    print(os.environ.get("ETAG", "e-1"))
"""


def run_recorded(
    text: tuple[str, ...], folder: Path, program: str, **environment: str
) -> tuple[int, list[list[str]]]:
    """The text in a real shell, with a program that writes down what it is called with."""
    (folder / "recorder.py").write_text(RECORDER)
    tool = folder / program
    tool.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(folder))}/recorder.py "$@"\n'
    )
    tool.chmod(0o755)
    recorded = folder / "recorded"
    recorded.unlink(missing_ok=True)
    ran = subprocess.run(
        ["/bin/sh"],
        input="\n".join(text) + "\n",
        env={"PATH": f"{folder}:/usr/bin:/bin", "RECORDED": str(recorded), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    calls = recorded.read_text().splitlines() if recorded.exists() else []
    return ran.returncode, [json.loads(line) for line in calls]


SWITCH = change_of(a_set(OLD, 60), a_set(OLD6, 60), to=(a_set(NEW, 30),))


def test_azure_in_a_real_shell(tmp_path: Path) -> None:
    text = console_text(SWITCH, dns("azure", "my-group"))
    code, calls = run_recorded(text, tmp_path, "az")
    assert code == 0
    group = "/subscriptions/{subscriptionId}/resourceGroups/my-group"
    holder = f"{group}/providers/Microsoft.Network/dnsZones/shop.test"
    assert [(call[2], call[4].partition("?")[0]) for call in calls] == [
        ("get", f"{holder}/AAAA/store"),
        ("get", f"{holder}/A/store"),
        ("delete", f"{holder}/AAAA/store"),
        ("patch", f"{holder}/A/store"),
    ]
    assert all("If-Match=e-1" in call for call in calls[2:])
    assert json.loads(calls[3][-1]) == {"properties": {"TTL": 30, "ARecords": [{"ipv4Address": NEW}]}}
    assert (
        calls[1][6]
        == f'properties.TTL == `60` && sort(properties.ARecords[].ipv4Address) == `["{OLD}"]` && etag'
    )
    back_code, back = run_recorded(console_text(SWITCH.inverted(), dns("azure", "my-group")), tmp_path, "az")
    assert back_code == 0
    assert [call[2] for call in back] == ["get", "patch", "put"]
    assert "If-None-Match=*" in back[2]


def test_azure_sends_nothing_where_a_set_is_not_as_read(tmp_path: Path) -> None:
    code, calls = run_recorded(console_text(SWITCH, dns("azure", "g")), tmp_path, "az", ETAG="false")
    assert code != 0
    assert [call[2] for call in calls] == ["get"]


@pytest.mark.parametrize(
    ("console", "program"), [("route53", "aws"), ("cloud-dns", "gcloud"), ("azure", "az")]
)
def test_without_the_zones_id_nothing_is_called(console: str, program: str, tmp_path: Path) -> None:
    text = console_text(SWITCH, dns(console, ""))
    code, calls = run_recorded(text, tmp_path, program)
    assert code != 0
    assert not calls
    code, calls = run_recorded(text, tmp_path, program, ZONE_ID="ours")
    assert code == 0
    assert all("ours" in " ".join(call) for call in calls)


def test_the_zone_file_is_told_to_raise_its_serial() -> None:
    text = console_text(SWITCH, dns("zone-file"))
    assert f"{HOST}. 30 IN A {NEW}" in text
    assert any("serial" in line for line in text)
    assert text[-1] == f"dig +short +norecurse @192.0.2.53 -p 53 {ZONE} SOA"


async def test_the_plan_chooses_the_console() -> None:
    for console in CONSOLES:
        plan = a_plan("show", (SERVER,), console=console, zone_id="Z1")
        assert Show(plan).instructions(SWITCH) == console_text(SWITCH, plan.dns)
    assert len({console_text(SWITCH, dns(console)) for console in CONSOLES}) == len(CONSOLES)
