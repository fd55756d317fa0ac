"""The commands as a user runs them: processes, their text, their JSON, their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from desk_kit import WorldFacts, end_world, start_world
from pointsman.probes.catalogue import RULES
from pointsman.tui.cli import cli
from pty_kit import PROGRAM, Pty, run

REPOSITORY = Path(__file__).resolve().parents[2]
ITEMS = (
    "routes-accepted",
    "requests",
    "parity",
    "tls-chain",
    "cache-warm-up",
    "dns-ttl",
    "error-watch",
    "old-side-kept",
    "dns-owner",
    "old-side-idle",
)


@pytest.fixture(scope="session")
def healthy_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """The small world without its broken route."""
    documents = list(yaml.safe_load_all((Path(__file__).parent / "small_world.yaml").read_text()))
    whole = [entry for entry in documents if entry["metadata"]["name"] != "broken"]
    file = tmp_path_factory.mktemp("healthy") / "world.yaml"
    file.write_text(yaml.safe_dump_all(whole))
    child, facts = start_world("--load", str(file))
    yield facts
    end_world(child)


@pytest.fixture(scope="session")
def schema() -> jsonschema.Draft202012Validator:
    document = json.loads((REPOSITORY / "docs" / "output.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def soa_serial(world: WorldFacts) -> int:
    """Every change of the zone raises it by one."""
    address, _, port = world["dns_authoritative"].rpartition(":")
    query = dns.message.make_query(world["zone"], "SOA")
    reply = dns.query.udp(query, address, timeout=5, port=int(port))
    return int(reply.find_rrset(reply.answer, query.question[0].name, 1, dns.rdatatype.SOA)[0].serial)


def parsed(text: str, schema: jsonschema.Draft202012Validator, command: str) -> dict[str, Any]:
    """The document that was printed, as the published schema has it."""
    document = json.loads(text)
    schema.validate(document)
    assert document["command"] == command
    return dict(document)


def namespaces(document: dict[str, Any]) -> set[str]:
    """Where the routes are that something is said of."""
    subjects = [finding["subject"] for finding in document["findings"]]
    return {subject["namespace"] for subject in subjects if subject["kind"].endswith("Route")}


# -- status


def test_status_says_what_is_wrong_and_exits_1(world: WorldFacts) -> None:
    ended = run("status", "--kubeconfig", world["kubeconfig"])
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[0].startswith("pointsman-practice   2 gateways  14 routes   ")
    text = " ".join(ended.stdout.split())
    assert "FAIL GW104 HTTPRoute shop/checkout/rule-0: backend Service payments/ledger:8080" in text
    assert "mend a ReferenceGrant in payments: from HTTPRoute in shop, to Service ledger" in text
    assert "try kubectl get referencegrants.gateway.networking.k8s.io -n payments" in text
    assert max(len(row) for row in ended.stdout.splitlines()) <= 100
    assert "\x1b" not in ended.stdout


def test_status_of_a_healthy_cluster_exits_0(
    healthy_world: WorldFacts, schema: jsonschema.Draft202012Validator
) -> None:
    ended = run("status", "-o", "json", "--kubeconfig", healthy_world["kubeconfig"])
    assert (ended.returncode, ended.stderr) == (0, "")
    document = parsed(ended.stdout, schema, "status")
    assert document["verdict"] == "PASS"
    assert document["facts"]["routes"] == 1


@pytest.mark.parametrize(
    ("before", "behind", "wanted"),
    [
        (("-n", "legacy"), (), {"legacy"}),
        ((), ("-n", "legacy", "-n", "media"), {"legacy", "media"}),
        (("-n", "shop"), ("-n", "media"), {"media"}),
        (("-n", "legacy"), ("-A",), {"legacy", "media", "search", "shop"}),
    ],
)
def test_options_stand_before_or_behind_the_command(
    world: WorldFacts,
    schema: jsonschema.Draft202012Validator,
    before: tuple[str, ...],
    behind: tuple[str, ...],
    wanted: set[str],
) -> None:
    ended = run(*before, "--kubeconfig", world["kubeconfig"], "status", "-o", "json", *behind)
    document = parsed(ended.stdout, schema, "status")
    assert namespaces(document) == wanted
    assert ended.returncode == 1
    assert document["verdict"] == "FAIL"


def test_status_takes_the_kubeconfig_of_the_environment(world: WorldFacts) -> None:
    ended = run("status", "-n", "search", KUBECONFIG=world["kubeconfig"])
    assert ended.returncode in (0, 1)
    assert "HTTPRoute search/search" in ended.stdout


# -- check


def test_check_runs_all_eight_items(world: WorldFacts) -> None:
    plan = world["plans"]["www.shop.test"]
    ended = run("check", plan, "--kubeconfig", world["kubeconfig"])
    assert (ended.returncode, ended.stderr) == (1, "")
    rows = [row.split() for row in ended.stdout.splitlines()]
    assert rows[0][:3] == ["www.shop.test", "infra/main", "127.0.0.3"]
    verdicts = {row[1]: row[0] for row in rows[1:9]}
    assert verdicts == {
        "1": "PASS",
        "2": "PASS",
        "3": "PASS",
        "4": "PASS",
        "5": "PASS",
        "6": "FAIL",
        "7": "PASS",
        "8": "PASS",
    }
    text = " ".join(ended.stdout.split())
    assert "FAIL DNS021 3 s on 1 of 1 name server, wanted at most 1 s" in text
    assert "try dig @127.0.0.1 -p " in text


def test_check_as_json(world: WorldFacts, schema: jsonschema.Draft202012Validator) -> None:
    plan = world["plans"]["www.shop.test"]
    only = ("--only", "dns-ttl", "--only", "tls-chain", "--only", "routes-accepted")
    ended = run("check", plan, *only, "-o", "json", "--kubeconfig", world["kubeconfig"])
    document = parsed(ended.stdout, schema, "check")
    shown = {entry["id"]: entry["verdict"] for entry in document["facts"]["checks"]}
    assert shown == {"routes-accepted": "PASS", "tls-chain": "PASS", "dns-ttl": "FAIL"}
    assert (ended.returncode, document["verdict"]) == (1, "FAIL")


def test_check_exits_0_where_what_was_asked_passes(world: WorldFacts) -> None:
    plan = world["plans"]["www.shop.test"]
    ended = run("check", plan, "--only", "routes-accepted", "--kubeconfig", world["kubeconfig"])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "1 item  1 PASS" in ended.stdout
    assert len(ended.stdout.splitlines()) == 2


def test_check_without_a_cluster_could_not_tell(
    world: WorldFacts, schema: jsonschema.Draft202012Validator
) -> None:
    plan = world["plans"]["www.shop.test"]
    ended = run("check", plan, "--only", "routes-accepted")
    assert ended.returncode == 3
    assert ended.stderr.startswith("without the cluster: no kubeconfig found")
    assert " UNKNOWN routes accepted" in ended.stdout
    as_json = run("check", plan, "--only", "routes-accepted", "-o", "json")
    assert as_json.returncode == 3
    assert parsed(as_json.stdout, schema, "check")["verdict"] == "UNKNOWN"


def test_check_names_the_items_that_there_are(world: WorldFacts) -> None:
    ended = run("check", world["plans"]["www.shop.test"], "--only", "dns")
    assert ended.returncode == 2
    assert ended.stderr.startswith("pointsman: --only 'dns': no such check")
    assert all(item in ended.stderr for item in ITEMS)


# -- cutover, journal


def test_cutover_to_its_end_and_the_journal_of_it(
    world: WorldFacts, schema: jsonschema.Draft202012Validator
) -> None:
    host = "store.shop.test"
    before = soa_serial(world)
    ended = run(
        *("cutover", world["plans"][host], "--kubeconfig", world["kubeconfig"]), "--write", "--confirm", host
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr.split() == ["confirmed", "beforehand:", host] * 2
    text = ended.stdout
    for told in (
        "- store.shop.test. 3 A 127.0.0.2",
        "+ store.shop.test. 1 A 127.0.0.2",
        "the traffic will move",
        "+ store.shop.test. 1 A 127.0.0.3",
        "allows the switch",
        "PASS    8 old side kept",
        "resolver " + world["dns_resolver"] + " answers new, before old",
    ):
        assert told in text
    assert text.splitlines()[-1] == " ended: done"
    # one change lowered the TTL, one moved the address
    assert soa_serial(world) == before + 2

    listed = run("journal")
    assert listed.returncode == 0
    run_id, *_, state, hosts = listed.stdout.split()
    assert (state, hosts) == ("done", host)

    told = run("journal", run_id)
    assert "switch to the new side: applied" in told.stdout
    assert run("journal", run_id, "--verify").stdout.endswith(" lines, chain ok\n")
    events = [json.loads(row) for row in run("journal", run_id, "-o", "json").stdout.splitlines()]
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["event"] == "run-started"
    assert len(told.stdout.splitlines()) == len(events)
    runs = json.loads(run("journal", "-o", "json").stdout)
    assert [entry["run_id"] for entry in runs] == [run_id]
    assert "# " in run("journal", run_id, "-o", "markdown").stdout

    # what stands in it is not to be changed afterwards
    file = Path(os.environ["POINTSMAN_STATE_DIR"]) / "runs" / f"{run_id}.jsonl"
    rows = file.read_text().splitlines(keepends=True)
    rows[2] = rows[2].replace(host, "other.shop.test")
    file.write_text("".join(rows))
    for arguments in ((run_id,), (run_id, "--verify"), (run_id, "-o", "json")):
        refused = run("journal", *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"{file}:3: " in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    everything = run("journal", "--verify")
    assert everything.returncode == 2
    assert f"{file}:3: " in everything.stdout


def test_without_write_nothing_is_written(world: WorldFacts, schema: jsonschema.Draft202012Validator) -> None:
    before = soa_serial(world)
    plan = world["plans"]["www.shop.test"]
    ended = run(
        *("cutover", plan, "--kubeconfig", world["kubeconfig"], "--confirm", "www.shop.test", "-o", "json")
    )
    assert ended.returncode == 1
    assert "nothing was changed; turn it on with --write" in " ".join(ended.stderr.split())
    document = parsed(ended.stdout, schema, "cutover")
    assert document["facts"]["outcome"] == "stopped-at-gate"
    assert soa_serial(world) == before


def test_a_wrong_name_leaves_the_run_and_says_how_to_go_on(world: WorldFacts) -> None:
    before = soa_serial(world)
    plan = world["plans"]["www.shop.test"]
    ended = run("cutover", plan, "--kubeconfig", world["kubeconfig"], "--write", "--confirm", "www.shop")
    assert ended.returncode == 3
    run_id = run("journal").stdout.split()[0]
    said = ended.stderr.splitlines()
    assert said == [
        f"nobody typed www.shop.test; go on with: pointsman resume {run_id} --write --confirm www.shop.test"
    ]
    assert soa_serial(world) == before
    # what it says works: the run waits for the same answer again, and without an answer still changes nothing
    again = run("resume", run_id, "--write")
    assert again.returncode == 3
    assert "+ www.shop.test. 1 A 127.0.0.2" in again.stdout
    assert soa_serial(world) == before


def test_ctrl_c_leaves_a_run_as_it_is(world: WorldFacts) -> None:
    plan = world["plans"]["www.shop.test"]
    with Pty("cutover", plan, "--kubeconfig", world["kubeconfig"], "--write") as terminal:
        terminal.until_shown("To go on, type www.shop.test")
        terminal.send(b"\x03")
        assert terminal.ended() == 3
        assert "go on with: pointsman resume " in terminal.display()
        assert b"Traceback" not in terminal.seen


def test_no_runs_yet() -> None:
    ended = run("journal")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "no runs yet\n", "")
    assert run("journal", "--verify").returncode == 0


# -- explain


def test_explain_knows_every_rule() -> None:
    runner = CliRunner()
    for rule in RULES.values():
        text = " ".join(runner.invoke(cli, ["explain", rule.id]).stdout.split())
        for part in (rule.id, rule.name, rule.title, rule.why, rule.mend):
            assert " ".join(part.split()) in text
        by_name = " ".join(runner.invoke(cli, ["explain", rule.name]).stdout.split())
        assert text in by_name
    listed = runner.invoke(cli, ["explain"]).stdout.splitlines()
    assert [row.split()[0] for row in listed] == list(RULES)


def test_explain_in_a_process() -> None:
    ended = run("explain", "gw104")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("GW104  ")
    (rule,) = json.loads(run("explain", "GW104", "-o", "json").stdout)
    assert rule["id"] == "GW104"


def test_explain_suggests() -> None:
    ended = run("explain", "GW1O4")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "did you mean" in ended.stderr
    assert "GW104" in ended.stderr


# -- every command


def test_version_and_help() -> None:
    version = run("--version")
    assert version.stdout.startswith("pointsman, version 0.")
    assert version.returncode == 0
    overview = run("--help")
    assert overview.returncode == 0
    runner = CliRunner()
    commands = [
        row.split()[0] for row in overview.stdout.partition("Commands:")[2].splitlines() if row.strip()
    ]
    assert set(commands) == {
        *("check", "compare", "continue", "cutover", "demo", "describe", "diagnose", "explain", "follow"),
        *("journal", "plan", "postpone", "probe", "replay", "report", "resume", "retire", "rollback"),
        *("route", "status", "tune", "twin", "warm"),
    }
    for command in commands:
        shown = runner.invoke(cli, [command, "--help"], prog_name="pointsman")
        assert shown.exit_code == 0
        assert shown.stdout.startswith(f"Usage: pointsman {command} ")
        assert runner.invoke(cli, [command, "-h"], prog_name="pointsman").stdout == shown.stdout


def test_the_other_name_is_kubectls() -> None:
    plugin = Path(sys.executable).with_name("kubectl-pointsman")
    if not plugin.exists():
        pytest.skip("needs the console scripts: pip install --editable .")
    ended = subprocess.run([plugin, "status", "-x"], capture_output=True, text=True, timeout=30)
    assert ended.stderr == "pointsman: No such option '-x'; see: kubectl pointsman status --help\n"


def test_a_reader_that_goes_away_hears_nothing_of_it(world: WorldFacts) -> None:
    for arguments in (("status", "--kubeconfig", world["kubeconfig"]), ("explain",)):
        child = subprocess.Popen(
            [*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stderr is not None
        # the pipe is full or shut before the second line is written, never after the last
        os.set_inheritable(child.stdout.fileno(), False)
        child.stdout.close()
        assert child.stderr.read() == b""
        child.stderr.close()
        # the verdict was told to nobody
        assert child.wait(30) == 3


def test_colours_only_where_they_are_welcome(world: WorldFacts) -> None:
    arguments = ("status", "-n", "legacy", "--kubeconfig", world["kubeconfig"])
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with Pty(*arguments, environment=environment) as terminal:
            assert terminal.ended() == 1
            assert b"GW108" in terminal.seen
            assert (b"\x1b" in terminal.seen) == coloured


def test_status_fits_the_terminal(world: WorldFacts) -> None:
    with Pty(
        "status", "--kubeconfig", world["kubeconfig"], columns=70, environment={"NO_COLOR": "1"}
    ) as terminal:
        assert terminal.ended() == 1
        # a command cannot be broken inside its words; everything else is
        findings = terminal.seen.decode().split("\r\n\r\n")[1:]
        prose = [row for text in findings for row in text.partition("     try ")[0].splitlines()]
        assert len(prose) > 50
        assert max(map(len, prose)) <= 70


def test_the_commands_answer_quickly(healthy_world: WorldFacts) -> None:
    started = time.monotonic()
    run("status", "--kubeconfig", healthy_world["kubeconfig"])
    # generous: two cores shared with the other tests; what it guards against is a wait that should not be
    assert time.monotonic() - started < 8
