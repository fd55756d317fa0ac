"""How openssl s_client, sslyze and testssl are asked about a fixture, and what they must say to be right."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tls_fixture_nginx
from pointsman.cluster.text import clean
from tls_fixture_kit import Case, Ports
from tls_fixtures import Fixture

_TESTSSL_TIMEOUT_S = 120


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
    "31-ed25519-leaf": Right((), None, "ED25519"),
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
        words = clean(self.words, 110).strip().replace("|", "/").replace("<", "&lt;")
        if not fixture.faulty:
            return f"**false alarm**: {words}"
        return f"**right**: {words}" if self.right else f"flagged: {words}"


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
    # beside the words: which certificate it was at
    bare = (re.sub(r" \(encountered processing.*", "", one) for one in words)
    shown = "; ".join(dict.fromkeys(one.removeprefix("validation failed: ") for one in bare))
    pattern = RIGHT.get(case.fixture.name, Right()).sslyze
    return Said(shown, bool(shown and pattern and re.search(pattern, shown)))


def ask_testssl(case: Case, port: int, folder: Path) -> list[tuple[str, str, str]]:
    """testssl's server defaults: what it complains of (id, severity, words)."""
    out = folder / f"{case.fixture.name}.testssl.json"
    command = [testssl_program(), "-S", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none"]
    command += ["--ip", "127.0.0.1", "--add-ca", str(_roots(case, folder))]
    for _ in range(3):
        out.unlink(missing_ok=True)
        started = time.monotonic()
        if _within([*command, "--jsonfile", str(out), f"{case.sni}:{port}"], _TESTSSL_TIMEOUT_S):
            break
    else:
        raise RuntimeError(f"testssl is not done with {case.name} within {_TESTSSL_TIMEOUT_S} s: less load?")
    told = [
        (re.sub(r" <.*", "", one["id"]), one["severity"], one["finding"])
        for one in json.loads(out.read_text())
        if one["severity"] not in ("OK", "INFO", "DEBUG")
        and one["id"].startswith(("cert", "intermediate_cert"))
    ]
    print(f"testssl: {case.name}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    return told


def _within(command: Sequence[str], seconds: float) -> bool:
    """Run a program with all that it starts; False where it had to be ended."""
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    else:
        return True
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()


def read_testssl(case: Case, told: Sequence[tuple[str, str, str]], usual: set[tuple[str, str]]) -> Said:
    """What it says beyond what it says of every certificate here (no OCSP URL, fewer than 60 days)."""
    words = "; ".join(f"{name}: {text}" for name, severity, text in told if (name, severity) not in usual)
    pattern = RIGHT.get(case.fixture.name, Right()).testssl
    return Said(words, bool(words and pattern and re.search(pattern, words)))


def testssl_program() -> str:
    """Its name as the system has it."""
    return shutil.which("testssl") or shutil.which("testssl.sh") or "testssl"


def _roots(case: Case, folder: Path) -> Path:
    return folder / f"{case.fixture.name}.roots.pem"


def versions(python: str) -> list[str]:
    """Which versions were asked, and which server they asked."""

    def told(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    openssl = told("openssl", "version").split("(")[0].strip().rsplit(" ", 3)[0]
    sslyze = told(
        python, "-c", "import importlib.metadata as m; print('sslyze', m.version('sslyze'))"
    ).strip()
    testssl = re.search(
        r"testssl\S*\s+(\d\S+)", re.sub(r"\x1b\[[\d;]*m", "", told(testssl_program(), "--version"))
    )
    server = told(tls_fixture_nginx.NGINX or "nginx", "-v").split(":")[-1].strip()
    return [openssl, sslyze, f"testssl {testssl.group(1) if testssl else ''}".strip(), f"served by {server}"]
