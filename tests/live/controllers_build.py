"""Envoy Gateway and Traefik from their published modules: built once with Go, kept outside the tree.

Run: python tests/live/controllers_build.py [NAME ...]      (`make live` does; the first time takes minutes)

Nothing is built by a test. $POINTSMAN_CONTROLLERS names a folder that holds the programs already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from live_build import CACHES, NEEDED, find_go

# it asks for a fork that no proxy serves; passwords have no part in what is tested either
_AUTH, _AUTH_VERSION = "github.com/abbot/go-http-auth", "v0.4.0"
# what only the fork has: file, word, and what stands for it
_AUTH_WORDS = (
    ("basic_auth.go", "goauth.CheckSecret", "func(string, string) bool { return false }"),
    ("digest_auth.go", "RequireAuthStale", "RequireAuth"),
)
_LEGO = "github.com/go-acme/lego/v5"
_LEGO_LIST = "providers/dns/zz_gen_dns_providers.go"
# issuing certificates over DNS has no part in what is tested, and is most of what would be compiled
_NO_DNS_PROVIDERS = """package dns

import (
	"fmt"

	"github.com/go-acme/lego/v5/challenge"
)

func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("built without DNS provider: %s", name)
}
"""
# a module of its own, which the published one replaces by a folder that it does not hold
_TRAEFIK_EXT = {
    "go.mod": "module github.com/traefik/traefik/dynamic/ext\n\ngo 1.24\n",
    "ext.go": "package ext\n\ntype HTTP struct{}\n\ntype Router struct{}\n",
}


@dataclass(frozen=True)
class Program:
    """A controller as a Go module; ``stamp`` is the variable that holds what it says of its version."""

    name: str
    module: str
    version: str
    package: str
    stamp: str
    crds: str = ""


PROGRAMS = {
    one.name: one
    for one in (
        Program(
            "envoy-gateway",
            "github.com/envoyproxy/gateway",
            "v1.9.1",
            "cmd/envoy-gateway",
            "internal/cmd/version.envoyGatewayVersion",
            "charts/gateway-helm/charts/crds/crds/generated",
        ),
        Program(
            "traefik",
            "github.com/traefik/traefik/v3",
            "v3.7.13",
            "cmd/traefik",
            "pkg/version.Version",
        ),
    )
}


def _folder(program: Program) -> Path:
    if named := os.environ.get("POINTSMAN_CONTROLLERS"):
        return Path(named)
    return CACHES / "pointsman" / "controllers" / f"{program.name}-{program.version}"


def controller_program(name: str) -> Path:
    """Where a controller's program is, or would be."""
    return _folder(PROGRAMS[name]) / name


def crds_of(name: str) -> Path:
    """A folder with the controller's own CRDs: beside its program, or in its module."""
    program = PROGRAMS[name]
    beside = _folder(program) / f"{name}-crds"
    if beside.is_dir():
        return beside
    go = find_go()
    return _module(go, program) / program.crds if go else beside


def why_not(name: str) -> str:
    """Why a controller cannot be run here; empty where it can."""
    built = controller_program(name)
    if not os.access(built, os.X_OK):
        return f"no {name} at {built}: `make live` builds it with {NEEDED}"
    if PROGRAMS[name].crds and not crds_of(name).is_dir():
        return f"no CRDs of {name} at {crds_of(name)}: `make live` puts them there"
    return ""


def _module(go: str, program: Program) -> Path:
    """Its sources, unpacked by Go."""
    wanted = f"{program.module}@{program.version}"
    done = subprocess.run(
        [go, "mod", "download", "-json", wanted], check=True, capture_output=True, text=True, cwd="/"
    )
    return Path(json.loads(done.stdout)["Dir"])


def build(go: str, program: Program) -> int:
    """Compile one, in a copy of its module, so that its own replacements and sums hold. Go's exit code."""
    target = controller_program(program.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pointsman-build-") as scratch:
        source = Path(scratch) / "source"
        _copy(_module(go, program), source)
        if program.name == "traefik":
            _prepare_traefik(go, source, Path(scratch))
        argv = [
            go,
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-mod=mod",
            f"-ldflags=-s -w -X {program.module}/{program.stamp}={program.version}",
            "-o",
            f"{scratch}/{program.name}",
            f"./{program.package}",
        ]
        code = subprocess.run(
            argv, cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, check=False
        ).returncode
        if code == 0:
            if program.crds:
                shutil.copytree(
                    source / program.crds, target.with_name(f"{program.name}-crds"), dirs_exist_ok=True
                )
            unfinished = target.with_suffix(f".{os.getpid()}")
            shutil.move(f"{scratch}/{program.name}", unfinished)
            unfinished.replace(target)
        return code


def _prepare_traefik(go: str, source: Path, scratch: Path) -> None:
    """What its module lacks is put in, what cannot be had or is not needed is exchanged."""
    extension = source / "pkg" / "config" / "dynamic" / "ext"
    extension.mkdir(parents=True)
    for name, text in _TRAEFIK_EXT.items():
        (extension / name).write_text(text)
    for name, word, instead in _AUTH_WORDS:
        file = source / "pkg" / "middlewares" / "auth" / name
        file.write_text(file.read_text().replace(word, instead))
    lego = scratch / "lego"
    _copy(_directory(go, source, _LEGO), lego)
    (lego / _LEGO_LIST).write_text(_NO_DNS_PROVIDERS)
    argv = [go, "mod", "edit", f"-replace={_LEGO}={lego}", f"-replace={_AUTH}={_AUTH}@{_AUTH_VERSION}"]
    subprocess.run(argv, cwd=source, check=True)


def _directory(go: str, source: Path, module: str) -> Path:
    """Where a module that another one requires is unpacked."""
    subprocess.run([go, "mod", "download", module], cwd=source, check=True)
    argv = [go, "list", "-m", "-f", "{{.Dir}}", module]
    return Path(subprocess.run(argv, cwd=source, check=True, capture_output=True, text=True).stdout.strip())


def _copy(module: Path, target: Path) -> None:
    """A copy that may be written to."""
    shutil.copytree(module, target)
    for path in (target, *target.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


def main(names: list[str]) -> int:
    """0 where the programs are there or cannot be had here (the tests say so), 1 where building failed."""
    go = find_go()
    for name in names or PROGRAMS:
        if name not in PROGRAMS:
            print(f"no such controller: {name}; there are {', '.join(PROGRAMS)}", file=sys.stderr)
            return 2
        if not why_not(name):
            continue
        if go is None:
            print(f"no `go` here: the tests of {name} need {NEEDED} and skip", file=sys.stderr)
            continue
        print(f"building {name} {PROGRAMS[name].version} from its module (once; some minutes)", flush=True)
        if build(go, PROGRAMS[name]):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
