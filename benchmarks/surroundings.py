"""What a figure was measured with: the machine's size in words and the versions of all that took part.

Every benchmark prints these two lines first, so that no table is without them.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# many servers are where only root's PATH leads
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
# how each program is asked for its version, and where it stands in the answer
_VERSION_OF: dict[str, tuple[tuple[str, ...], str]] = {
    "kubectl": (("version", "--client"), r"Client Version: v?(\d[\d.]*)"),
    "curl": (("--version",), r"curl (\S+)"),
    "openssl": (("version",), r"OpenSSL (\S+)"),
    "dig": (("-v",), r"DiG (\d[\d.]*)"),
    "dnsperf": (("-h",), r"Version (\S+)"),
    "nginx": (("-v",), r"nginx/(\S+)"),
    "knotd": (("--version",), r"(\d+\.\d\S*)"),
    "testssl": (("--version",), r"testssl\S*\s+(?:version\s+)?(\d\S+)"),
    "jq": (("--version",), r"jq-(\S+)"),
    "xargs": (("--version",), r"(\d+\.\d\S*)"),
}
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def machine() -> str:
    """``two cores and 24 GiB of memory, Linux on x86_64``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    counted = _WORDS[cores] if cores < len(_WORDS) else str(cores)
    plural = "core" if cores == 1 else "cores"
    return f"{counted} {plural} and {gib:.0f} GiB of memory, {platform.system()} on {platform.machine()}"


def versions(*asked: str, packages: Sequence[str] = (), sslyze: str = "") -> str:
    """Python, then the ``packages`` of ours, then the programs ``asked``; one that is away is said to be.

    ``sslyze`` is a Python that has it; empty where it takes no part.
    """
    found = [f"Python {sys.version.split()[0]}"]
    if sys.dont_write_bytecode:
        found[0] += " (each start compiles all anew: PYTHONDONTWRITEBYTECODE is set)"
    found += [f"{name} {importlib.metadata.version(name)}" for name in packages]
    found += [f"{name} {version_of(name) or 'is not installed'}" for name in asked]
    if sslyze:
        code = "import importlib.metadata as m; print(m.version('sslyze'))"
        found.append(f"sslyze {_said([sslyze, '-c', code]).strip() or '(unknown)'}")
    return ", ".join(found)


def rss_mib(pid: int) -> float:
    """Memory that a process holds now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    return int(_said(["ps", "-o", "rss=", "-p", str(pid)])) / 1024


def version_of(name: str) -> str:
    """The version of a program; empty where it is not installed, ``(unknown)`` where it does not tell."""
    program = program_path(name)
    if program is None:
        return ""
    options, pattern = _VERSION_OF[name]
    found = re.search(pattern, _ESCAPES.sub("", _said([program, *options])))
    return found[1].rstrip(",;") if found else "(unknown)"


def program_path(name: str) -> str | None:
    """Where a program is. Debian installs testssl without the ending of its release."""
    for one in (name, f"{name}.sh"):
        if found := shutil.which(one, path=SEARCHED):
            return found
    return None


def say(*asked: str, packages: Sequence[str] = (), sslyze: str = "", takes: str = "") -> None:
    """Print both lines; ``takes`` says how long the benchmark needs on such a machine."""
    script = Path(sys.argv[0]).name
    print(f"{script}: {machine()}{f'; takes {takes}' if takes else ''}")
    print(versions(*asked, packages=packages, sslyze=sslyze), flush=True)


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
