"""The programs that browse routes: how each is started alike, and how it is seen that it shows them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Rows = tuple[str, ...]

# no splash screen, no question to the network whether there is a newer release; all else as it comes
_K9S_CONFIG = """\
k9s:
  readOnly: true
  skipLatestRevCheck: true
  ui:
    splashless: true
"""
_K9S_COUNT = re.compile(r"httproutes[^\[\n]*\[([\d,]+)\]", re.IGNORECASE)


@dataclass(frozen=True)
class Peer:
    """``argv`` on a terminal; ``counts`` says whether a screen tells that so many routes are there.

    ``keys`` are those that move the cursor; empty where there is none.
    """

    name: str
    version: str
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    counts: Callable[[Rows, int], bool] | None = None
    keys: bytes = b""


def ours(kubeconfig: str) -> Peer:
    """The browse screen."""
    return Peer(
        "Pointsman",
        "",
        [sys.executable, "-m", "pointsman.tui", "--kubeconfig", kubeconfig],
        counts=lambda rows, routes: f" {routes} routes" in rows[0],
        keys=b"j",
    )


def kubectl_program() -> tuple[str, str] | None:
    """Where kubectl is, and its version; None where there is none.

    One that first asks the server which kubectl to start (Google Cloud's) would pay for that: the newest of
    those that it starts is taken.
    """
    found = shutil.which("kubectl")
    if found is None:
        return None
    version = _said([found, "version", "--client"], r"Client Version: v?(\S+)")
    if "dispatcher" in version:
        others = sorted(Path(found).resolve().parent.glob("kubectl.1.*"))
        if others:
            found = str(others[-1])
            version = _said([found, "version", "--client"], r"Client Version: v?(\S+)")
    return found, version.split("-")[0]


def k9s(kubeconfig: str, folder: Path) -> Peer | None:
    """k9s with settings of its own under ``folder``; None where it is not ($POINTSMAN_K9S, PATH)."""
    found = shutil.which(os.environ.get("POINTSMAN_K9S", "k9s"))
    if found is None:
        return None
    settings = folder / "k9s"
    settings.mkdir(exist_ok=True)
    (settings / "config.yaml").write_text(_K9S_CONFIG)
    names = ("CONFIG", "DATA", "STATE", "CACHE")
    environment = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in names}
    return Peer(
        "k9s",
        _said([found, "version", "-s"], r"Version\s+v?(\S+)"),
        [found, "--kubeconfig", kubeconfig, "--readonly", "--splashless", "-A", "-c", "httproutes"],
        environment=environment | {"K9S_CONFIG_DIR": str(settings), "HOME": str(folder)},
        counts=lambda rows, routes: any(
            int(found[1].replace(",", "")) == routes for row in rows if (found := _K9S_COUNT.search(row))
        ),
        keys=b"j",
    )


def _said(argv: list[str], pattern: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "(unknown)"
