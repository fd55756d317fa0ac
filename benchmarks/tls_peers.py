"""What Pointsman, openssl s_client, sslyze and testssl say of the same served chains, in one run.

Serves the fixtures of tests/wire_tls with a real nginx, asks all four, and writes the table of docs/tls.md.
Run: python benchmarks/tls_peers.py --sslyze /tmp/sslyze/bin/python [--only 01,13] [--print]
(`python -m venv /tmp/sslyze && /tmp/sslyze/bin/pip install sslyze`; testssl and nginx: Debian's testssl.sh
and nginx-light). testssl takes about 20 s a fixture; two run at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "wire_tls"), str(ROOT / "benchmarks")]

import tls_fixture_nginx  # noqa: E402
from pointsman.probes.verdict import Finding, Verdict, worst  # noqa: E402
from pointsman.probes.wire.tls.observe import observe  # noqa: E402
from tls_fixture_kit import Case, Ports, cases, judged, shortfalls, target_of  # noqa: E402
from tls_programs import (  # noqa: E402
    Said,
    ask_openssl,
    ask_sslyze,
    ask_testssl,
    read_testssl,
    testssl_program,
    versions,
)

DOCUMENT = ROOT / "docs" / "tls.md"
BEGIN, END = "<!-- table: written by benchmarks/tls_peers.py -->", "<!-- end of the table -->"
LIMBO_BEGIN, LIMBO_END = "<!-- limbo: written by benchmarks/tls_peers.py --limbo -->", "<!-- end of limbo -->"
PEERS = ("openssl s_client", "sslyze", "testssl")


@dataclass(frozen=True, slots=True)
class Row:
    """One fixture: the cells of its row, ours and the peers' in the order of PEERS."""

    name: str
    what: str
    required: str
    ours: str
    peers: tuple[str, ...]

    def line(self) -> str:
        return f"| {' | '.join((self.name, self.what, self.required, self.ours, *self.peers))} |"


def asked() -> tuple[Case, ...]:
    """One question a fixture: the last, where it has several, because the others cannot ask by address."""
    return tuple({case.fixture.name: case for case in cases()}.values())


def our_cell(case: Case, findings: Sequence[Finding]) -> str:
    """Our column: the verdict and the rules that say so."""
    verdict = worst(one.verdict for one in findings)
    named = dict.fromkeys(
        one.name
        for one in findings
        if one.verdict is not Verdict.PASS or one.name in (*case.ask.causes, *case.ask.notes)
    )
    cell = f"{verdict.name} {', '.join(named)}"
    return cell if not shortfalls(case.ask, findings) else f"**not as required**: {cell}"


def row_of(case: Case, ours: str, peers: Iterable[Said] | Iterable[str]) -> Row:
    """The row of a case; peers' cells that are text already stay as they are."""
    fixture = case.fixture
    cells = tuple(one if isinstance(one, str) else one.cell(fixture) for one in peers)
    return Row(fixture.name, fixture.what, fixture.required, ours, cells)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one host costs, in seconds: of the clock, and of a processor."""

    clock: float
    processor: float


def measure(python: str, only: Sequence[str], folder: Path) -> tuple[list[Row], dict[str, Cost]]:
    """The rows, and what a host costs each program."""
    wanted = [case for case in asked() if not only or case.fixture.name[:2] in only]
    costs: dict[str, Cost] = {}
    with tls_fixture_nginx.serving_all(folder, cases()) as ports:

        def timed(name: str, work: Callable[[], dict]) -> dict:
            started, used = time.monotonic(), _processor_s()
            found = work()
            clock, processor = time.monotonic() - started, _processor_s() - used
            costs[name] = Cost(clock / len(wanted), processor / len(wanted))
            print(f"{name}: {costs[name].clock:.3f} s a host", file=sys.stderr)
            return found

        ours = timed("pointsman", lambda: asyncio.run(_ask_ourselves(wanted, ports, folder)))
        openssl = timed(
            PEERS[0], lambda: {one.name: ask_openssl(one, ports[one.name], folder) for one in wanted}
        )
        sslyze = timed(PEERS[1], lambda: ask_sslyze(python, wanted, ports, folder))
        testssl = timed(PEERS[2], lambda: _ask_testssl_of_all(wanted, ports, folder))
    rows = [
        row_of(one, ours[one.name], (openssl[one.name], sslyze[one.name], testssl[one.name]))
        for one in wanted
    ]
    return rows, costs


def _processor_s() -> float:
    """Seconds of a processor that this process and those that it has waited for have used."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usages)


def _ask_testssl_of_all(wanted: Sequence[Case], ports: Ports, folder: Path) -> dict[str, Said]:
    """Two at a time, because it is slow. What it says of a sound chain too is left out."""
    baseline = next(case for case in asked() if case.fixture.name == "01-ok-ecdsa")
    every = list(dict.fromkeys((baseline, *wanted)))
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda one: ask_testssl(one, ports[one.name], folder), every))
    usual = {(name, severity) for name, severity, _ in told[0]}
    return {case.name: read_testssl(case, said, usual) for case, said in zip(every, told, strict=True)}


async def _ask_ourselves(wanted: Sequence[Case], ports: Ports, folder: Path) -> dict[str, str]:
    """One host after the other, as the others are asked."""
    found = {}
    for case in wanted:
        target = target_of(case, ports[case.name], folder)
        found[case.name] = our_cell(case, judged(case, await observe(replace(target, attempts=3))))
    return found


# -- the document


def render(rows: Sequence[Row], speed: str) -> str:
    """The part of the document between the marks. ``speed`` is its line about versions and seconds."""
    names = {case.fixture.name: case.fixture for case in asked()}
    faulty = [row for row in rows if names[row.name].faulty]
    sound = [row for row in rows if not names[row.name].faulty]
    lines = [BEGIN, "", *_heading("of the faulty ones", "flagged", "right cause", "silent", "false alarms")]
    flagged = sum("PASS" not in row.ours for row in faulty)
    exact = sum("PASS" not in row.ours and not row.ours.startswith("**") for row in faulty)
    wrong = sum(row.ours.startswith("**") for row in sound)
    silent = len(faulty) - flagged
    lines.append(f"| Pointsman | {flagged} of {len(faulty)} | {exact} | {silent} | {wrong} |")
    for place, peer in enumerate(PEERS):
        cells = [row.peers[place] for row in faulty]
        silent, right = cells.count("silent"), sum(cell.startswith("**right**") for cell in cells)
        alarms = sum(row.peers[place].startswith("**false") for row in sound)
        lines.append(f"| {peer} | {len(cells) - silent} of {len(cells)} | {right} | {silent} | {alarms} |")
    lines += ["", speed, "", *_heading("fixture", "what it is", "required", "Pointsman", *PEERS)]
    return "\n".join([*lines, *(row.line() for row in rows), "", END])


def _heading(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def read(document: str) -> tuple[list[Row], str]:
    """The rows of a document, and its line about speed."""
    part = document[document.index(BEGIN) : document.index(END)]
    names = {case.fixture.name for case in asked()}
    rows = []
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[0] in names:
            rows.append(Row(*cells[:4], peers=tuple(cells[4:])))
    speed = next(line for line in part.splitlines() if line.startswith("Seconds"))
    return rows, speed


def speed_line(costs: dict[str, Cost], asked_versions: Sequence[str]) -> str:
    """What a host costs each, and which versions were asked."""
    ours = costs["pointsman"].processor
    shown = ", ".join(
        f"{name} {cost.clock:.3g} ({cost.processor:.3g}"
        + (")" if name == "pointsman" else f", {_times(cost.processor / ours)} times ours)")
        for name, cost in costs.items()
    )
    return (
        f"Seconds a host by the clock (and of a processor): {shown}. One host after the other; sslyze all at "
        f"once, testssl two at a time. Asked: {', '.join(asked_versions)}."
    )


def limbo_part() -> str:
    """The lists of tests/wire_tls/test_tls_judge_limbo.py as the part of the document about x509-limbo."""
    from test_tls_judge_limbo import ACCEPTED, PRIVATE_ALSO, REFUSED

    accepted, refused = (sum(len(names) for names in table.values()) for table in (ACCEPTED, REFUSED))
    rows = [f"| refuse | accept | {', '.join(names)} | {why} |" for why, names in ACCEPTED.items()]
    rows += [f"| accept | refuse | {', '.join(names)} | {why} |" for why, names in REFUSED.items()]
    words = (
        f"Of the rest we accept {accepted} that limbo has refused (some with the warning "
        f"`client-dependent`), and refuse {refused} that it has accepted, for the reasons below. Under roots of your own "
        f"{len(PRIVATE_ALSO)} more are accepted, because private PKI does so and clients do not mind."
    )
    return "\n".join(
        [LIMBO_BEGIN, "", words, "", *_heading("limbo", "we", "cases", "why"), *rows, "", LIMBO_END]
    )


def _put(part: str, begin: str, end: str) -> None:
    """Puts a part into the document, between its marks."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text[: text.index(begin)] + part + text[text.index(end) + len(end) :])
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sslyze", metavar="PYTHON", help="the Python that has sslyze")
    parser.add_argument("--limbo", action="store_true", help="only write the part about x509-limbo")
    parser.add_argument("--only", default="", help="numbers of fixtures, with commas")
    parser.add_argument("--print", action="store_true", help="print the table, and leave the document alone")
    options = parser.parse_args()
    if options.limbo:
        _put(limbo_part(), LIMBO_BEGIN, LIMBO_END)
        return 0
    if not options.sslyze:
        parser.error("--sslyze PYTHON is missing")
    for name, there in (("nginx", tls_fixture_nginx.NGINX), ("testssl", shutil.which(testssl_program()))):
        if not there:
            print(f"needs {name}", file=sys.stderr)
            return 3
    with tempfile.TemporaryDirectory() as folder:
        only = [one for one in options.only.split(",") if one]
        rows, costs = measure(options.sslyze, only, Path(folder))
    table = render(rows, speed_line(costs, versions(options.sslyze)))
    if options.print or only:
        print(table)
        return 0
    _put(table, BEGIN, END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
