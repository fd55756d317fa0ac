"""The program of server/: built once with Go, kept outside the tree, looked up by the tests.

Run: python tests/live/live_build.py      (`make live` does; ten minutes on two cores, the first time only)

Nothing is built by a test. $POINTSMAN_LIVE names a program that is there already.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "server"
NEEDED = "Go 1.26 or newer"
_LINKED = "-s -w"
# where it is before any test moves HOME away
CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_VERSION_AT = "k8s.io/component-base/version"


def program() -> Path:
    """Where the program is, or would be: a change of its source is another place."""
    if named := os.environ.get("POINTSMAN_LIVE"):
        return Path(named)
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCE / name).read_bytes())
    return CACHES / "pointsman" / "live" / digest.hexdigest()[:16] / "pointsman-live"


def why_not() -> str:
    """Why no test can talk to a real API server here; empty where one can."""
    built = program()
    return (
        ""
        if os.access(built, os.X_OK)
        else f"no real API server at {built}: `make live` builds it with {NEEDED}"
    )


def find_go() -> str | None:
    """On the PATH, or where its own installer puts it."""
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def version_flags() -> str:
    """What the server says of its version: a build from modules has no other way to know."""
    wanted = next(
        line.split()[-1]
        for line in (SOURCE / "go.mod").read_text().splitlines()
        if "k8s.io/kubernetes v" in line
    )
    major, minor, _ = wanted.removeprefix("v").split(".", 2)
    stamps = {"gitVersion": wanted, "gitMajor": major, "gitMinor": minor}
    return " ".join([_LINKED, *(f"-X {_VERSION_AT}.{name}={value}" for name, value in stamps.items())])


def build(go: str, target: Path) -> int:
    """Compile; how long it takes is told every 30 s. Nothing half-built is left under the final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(f".{os.getpid()}")
    argv = [
        go,
        "build",
        "-trimpath",
        "-buildvcs=false",
        f"-ldflags={version_flags()}",
        "-o",
        str(unfinished),
        ".",
    ]
    began = time.monotonic()
    child = subprocess.Popen(argv, cwd=SOURCE)
    try:
        while True:
            try:
                code = child.wait(30)
                break
            except subprocess.TimeoutExpired:
                print(f"building kube-apiserver, {time.monotonic() - began:.0f} s", flush=True)
        if code == 0:
            unfinished.replace(target)
        return code
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        unfinished.unlink(missing_ok=True)


def main() -> int:
    """0 where the program is there or cannot be had here (the tests then say so), 1 where building failed."""
    target = program()
    if not why_not():
        return 0
    if os.environ.get("POINTSMAN_LIVE"):
        print(f"POINTSMAN_LIVE names {target}, which is no program", file=sys.stderr)
        return 2
    go = find_go()
    if go is None:
        print(f"no `go` here: the live tests need {NEEDED} and skip", file=sys.stderr)
        return 0
    print(
        "building kube-apiserver and etcd from their modules (once; about ten minutes on two cores)",
        flush=True,
    )
    return 1 if build(go, target) else 0


if __name__ == "__main__":
    sys.exit(main())
