"""What Pointsman, openssl s_client, sslyze and testssl say of the same served chains, in one run.

Serves the fixtures of tests/wire_tls with a real nginx, asks all four, and writes the table of docs/tls.md.
Run: python benchmarks/tls_peers.py --sslyze /tmp/sslyze/bin/python [--only 01,13] [--print]
(`python -m venv /tmp/sslyze && /tmp/sslyze/bin/pip install sslyze`; testssl and nginx: Debian's testssl.sh
and nginx-light). testssl takes about 20 s a fixture; two run at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "wire_tls"))

import tls_fixture_nginx  # noqa: E402
from pointsman.cluster.text import clean  # noqa: E402
from pointsman.probes.verdict import Finding, Verdict, worst  # noqa: E402
from pointsman.probes.wire.tls.observe import observe  # noqa: E402
from tls_fixture_kit import Case, Ports, cases, judged, shortfalls, target_of  # noqa: E402
from tls_fixtures import Fixture  # noqa: E402

DOCUMENT = ROOT / "docs" / "tls.md"
BEGIN, END = "<!-- table: written by benchmarks/tls_peers.py -->", "<!-- end of the table -->"
PEERS = ("openssl s_client", "sslyze", "testssl")
_TESTSSL_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Right:
    """By what a program's answer is known to name the cause of a fixture; None: nothing that it says does."""

    codes: tuple[int, ...] = ()
    sslyze: str | None = None
    testssl: str | None = None


_NAME = Right((62,), "no matching subjectAltName", "does not match supplied URI")
_ISSUER = Right((20, 21), "no interior errors", "chain incomplete")
_ORDER = Right((), "order", "ordering_problem")
# generous where the words fit at all; a cause is not named by what is said of many other faults as well
RIGHT: dict[str, Right] = {
    "04-missing-intermediate": _ISSUER,
    "05-missing-one-of-two": _ISSUER,
    "06-wrong-order": _ORDER,
    "07-reversed-with-root": _ORDER,
    "10-wrong-intermediate": _ISSUER,
    "11-self-signed-leaf": Right((18,), None, "self signed"),
    "12-private-ca-root-sent": Right((19,), None, "self signed CA"),
    "13-expired-leaf": Right((10,), "not valid at validation time", "expired"),
    "14-expiring-5d": Right((), None, "expires < 30"),
    "15-not-yet-valid": Right((9,), "not valid at validation time", "not yet valid"),
    "16-expired-intermediate": Right((10,), "not valid at validation time", "expired"),
    "17-expired-cross-sign-alt-path": Right((), None, "intermediate_cert.*expired"),
    "18-hostname-mismatch": _NAME,
    "19-cn-only-no-san": Right((), "no subjectAltName", "No SAN"),
    "21-wildcard-two-levels": _NAME,
    "22-wildcard-apex": _NAME,
    "23-partial-wildcard": _NAME,
    "24-traefik-default": Right((), None, "(?i)default"),
    "25-ingress-nginx-fake": Right((), None, "(?i)default"),
    "26-le-staging": Right((), None, "(?i)staging"),
    "28-rsa1024": Right((66,), "(?i)key", "1024"),
    "29-sha1-leaf": Right((68,), "(?i)SHA-?1|signature algorithm", "(?i)SHA-?1"),
    "32-clientauth-only-eku": Right((26,), "EKU", "extKeyUsage|certificate purpose"),
    "33-ca-true-leaf": Right((), "cA must not be asserted", None),
    "34-intermediate-not-ca": Right((24, 26, 32, 79), "cA must be asserted", "invalid CA"),
    "35-pathlen-exceeded": Right((25,), "path length", "path length"),
    "36-name-constraint": Right((47,), "name constraint", "permitted subtree|name constraint"),
    "37-bad-signature": Right((7,), "signature does not match", "signature failure"),
    "38-rekeyed-intermediate": Right((), "signature does not match", None),
    "39-must-staple-none": Right((), "(?i)must-staple", "mustStaple|must.staple"),
    "41-staple-expired": Right((), "(?i)expired", "Status times invalid|expired"),
    "42-staple-revoked": Right((), "REVOKED", "revoked"),
    "43-staple-other-cert": Right((), "(?i)serial|match", "(?i)no match|other certificate"),
    "44-validity-398d-in-2026": Right((), None, "(?i)validityPeriod|lifetime|398"),
    "47-ip-san": _NAME,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What one program said of one fixture: nothing where ``words`` is empty."""

    words: str = ""
    right: bool = False

    def cell(self, fixture: Fixture) -> str:
        """For the table."""
        if not self.words:
            return "silent" if fixture.faulty else "quiet"
        words = clean(self.words, 110).replace("|", "/").replace("<", "&lt;")
        if not fixture.faulty:
            return f"**false alarm**: {words}"
        return f"**right**: {words}" if self.right else f"flagged: {words}"


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


# -- the programs


def ask_openssl(case: Case, port: int, folder: Path) -> Said:
    """openssl s_client with its own verdict, as an operator would let it decide."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", case.sni, "-status"]
    command += ["-verify_return_error", "-verify_hostname", case.sni, "-CAfile", str(_roots(case, folder))]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=20,
        check=False,
    )
    told = re.findall(
        r"(?:verify error:num=|Verify return code: )(\d+)(?::| \()([^)\n]*)", done.stderr + done.stdout
    )
    complaints = {int(code): words for code, words in told if code != "0"}
    if not done.returncode and not complaints:
        return Said()
    codes = RIGHT.get(case.fixture.name, Right()).codes
    words = "; ".join(f"{code} {text}" for code, text in complaints.items()) or "no handshake"
    return Said(f"exit {done.returncode}, {words}", any(code in codes for code in complaints))


def ask_sslyze(python: str, asked_now: Sequence[Case], ports: Ports, folder: Path) -> dict[str, Said]:
    """sslyze in one go for all that share their roots, which is the fastest that it can be."""
    found: dict[str, Said] = {}
    groups: dict[bytes, list[Case]] = {}
    for case in asked_now:
        groups.setdefault(_roots(case, folder).read_bytes(), []).append(case)
    for group in groups.values():
        out = folder / "sslyze.json"
        places = [f"{case.sni}:{ports[case.name]}{{127.0.0.1}}" for case in group]
        command = [python, "-m", "sslyze", "--certinfo", "--certinfo_ca_file", str(_roots(group[0], folder))]
        subprocess.run(
            [*command, "--json_out", str(out), *places], capture_output=True, timeout=300, check=False
        )
        results = json.loads(out.read_text())["server_scan_results"]
        by_port = {one["server_location"]["port"]: one for one in results}
        for case in group:
            found[case.name] = _read_sslyze(case, by_port[ports[case.name]])
    return found


def _read_sslyze(case: Case, result: dict) -> Said:
    attempt = (result["scan_result"] or {}).get("certificate_info") or {}
    if attempt.get("status") != "COMPLETED":
        return Said(f"scan failed: {attempt.get('error_reason') or result['connectivity_status']}")
    words: list[str] = []
    for served in attempt["result"]["certificate_deployments"]:
        own = [p for p in served["path_validation_results"] if p["trust_store"]["name"] == "Supplied CA file"]
        words += [p["validation_error"] or "refused" for p in own if not p["was_validation_successful"]]
        if served["received_chain_has_valid_order"] is False:
            words.append("wrong chain order")
        if served["verified_chain_has_sha1_signature"]:
            words.append("SHA-1 in the verified chain")
        answer = served["ocsp_response"] or {}
        if answer.get("certificate_status") not in (None, "GOOD"):
            words.append(f"OCSP {answer['certificate_status']}")
        if served["ocsp_response"] and served["ocsp_response_is_trusted"] is False:
            words.append("OCSP response not trusted")
    shown = "; ".join(dict.fromkeys(one.removeprefix("validation failed: ") for one in words))
    pattern = RIGHT.get(case.fixture.name, Right()).sslyze
    return Said(shown, bool(shown and pattern and re.search(pattern, shown)))


def ask_testssl(case: Case, port: int, folder: Path) -> tuple[list[tuple[str, str, str]], float]:
    """testssl's server defaults: what it complains of (id, severity, words), and the seconds it took."""
    out = folder / f"{case.fixture.name}.testssl.json"
    command = [_testssl(), "-S", "--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1"]
    command += ["--add-ca", str(_roots(case, folder)), "--jsonfile", str(out), f"{case.sni}:{port}"]
    started = time.monotonic()
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TESTSSL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [("timeout", "FATAL", f"not done within {_TESTSSL_TIMEOUT_S} s")], float(_TESTSSL_TIMEOUT_S)
    told = [
        (re.sub(r" <.*", "", one["id"]), one["severity"], one["finding"])
        for one in json.loads(out.read_text())
        if one["severity"] not in ("OK", "INFO", "DEBUG")
        and one["id"].startswith(("cert", "intermediate_cert"))
    ]
    return told, time.monotonic() - started


def _read_testssl(case: Case, told: Sequence[tuple[str, str, str]], usual: set[tuple[str, str]]) -> Said:
    """What it says beyond what it says of every certificate here (no OCSP URL, fewer than 60 days)."""
    words = "; ".join(f"{name}: {text}" for name, severity, text in told if (name, severity) not in usual)
    pattern = RIGHT.get(case.fixture.name, Right()).testssl
    return Said(words, bool(words and pattern and re.search(pattern, words)))


def _testssl() -> str:
    return shutil.which("testssl") or shutil.which("testssl.sh") or "testssl"


def _roots(case: Case, folder: Path) -> Path:
    return folder / f"{case.fixture.name}.roots.pem"


# -- the run


def measure(python: str, only: Sequence[str], folder: Path) -> tuple[list[Row], dict[str, float]]:
    """The rows, and the seconds a host that each program took."""
    wanted = [case for case in asked() if not only or case.fixture.name[:2] in only]
    baseline = next(case for case in asked() if case.fixture.name == "01-ok-ecdsa")
    with tls_fixture_nginx.serving_all(folder, cases()) as ports:
        seconds: dict[str, float] = {}

        def timed(name: str, work: Callable[[], dict[str, Said] | dict[str, str]]) -> dict:
            started = time.monotonic()
            found = work()
            seconds[name] = (time.monotonic() - started) / len(wanted)
            print(f"{name}: {seconds[name]:.3f} s a host", file=sys.stderr)
            return found

        ours = timed("pointsman", lambda: asyncio.run(_ask_ourselves(wanted, ports, folder)))
        openssl = timed(
            PEERS[0], lambda: {one.name: ask_openssl(one, ports[one.name], folder) for one in wanted}
        )
        sslyze = timed(PEERS[1], lambda: ask_sslyze(python, wanted, ports, folder))
        with ThreadPoolExecutor(2) as pool:
            every = {one.name: one for one in (baseline, *wanted)}
            told = dict(
                zip(
                    every,
                    pool.map(lambda one: ask_testssl(one, ports[one.name], folder), every.values()),
                    strict=True,
                )
            )
    usual = {(name, severity) for name, severity, _ in told[baseline.name][0]}
    seconds[PEERS[2]] = sum(took for _, took in told.values()) / len(told)
    rows = [
        row_of(
            one,
            ours[one.name],
            (openssl[one.name], sslyze[one.name], _read_testssl(one, told[one.name][0], usual)),
        )
        for one in wanted
    ]
    return rows, seconds


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


def speed_line(seconds: dict[str, float], versions: Sequence[str]) -> str:
    """Seconds a host, and which versions were asked."""
    ours = seconds["pointsman"]
    shown = ", ".join(
        f"{name} {took:.3g}" + ("" if name == "pointsman" else f" ({took / ours:.0f} times as long)")
        for name, took in seconds.items()
    )
    return f"Seconds a host, one after the other: {shown}. Asked: {', '.join(versions)}."


def _versions(python: str) -> list[str]:
    def told(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    openssl = told("openssl", "version").split("(")[0].strip().rsplit(" ", 3)[0]
    sslyze = told(
        python, "-c", "import importlib.metadata as m; print('sslyze', m.version('sslyze'))"
    ).strip()
    testssl = re.search(r"testssl\S*\s+(\d\S+)", re.sub(r"\x1b\[[\d;]*m", "", told(_testssl(), "--version")))
    server = told(tls_fixture_nginx.NGINX or "nginx", "-v").split(":")[-1].strip()
    return [openssl, sslyze, f"testssl {testssl.group(1) if testssl else ''}".strip(), f"served by {server}"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sslyze", required=True, metavar="PYTHON", help="the Python that has sslyze")
    parser.add_argument("--only", default="", help="numbers of fixtures, with commas")
    parser.add_argument("--print", action="store_true", help="print the table, and leave the document alone")
    options = parser.parse_args()
    for name, there in (("nginx", tls_fixture_nginx.NGINX), ("testssl", shutil.which(_testssl()))):
        if not there:
            print(f"needs {name}", file=sys.stderr)
            return 3
    with tempfile.TemporaryDirectory() as folder:
        only = [one for one in options.only.split(",") if one]
        rows, seconds = measure(options.sslyze, only, Path(folder))
    table = render(rows, speed_line(seconds, _versions(options.sslyze)))
    if options.print or only:
        print(table)
        return 0
    text = DOCUMENT.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    DOCUMENT.write_text(before + table + after)
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
