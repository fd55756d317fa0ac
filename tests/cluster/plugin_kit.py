"""A credential plugin that gives what a file says, and kubeconfigs that name it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml


def a_plugin(folder: Path) -> dict[str, Any]:
    """A credential plugin that gives what stands in the file `status`, and counts its runs in `runs`."""
    program = folder / "plugin.py"
    program.write_text(
        "import pathlib, sys\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "with (folder / 'runs').open('a') as runs: runs.write('x')\n"
        "if not (folder / 'status').exists(): sys.exit('please log in')\n"
        'print(\'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": \'\n'
        "  + (folder / 'status').read_text() + '}')\n"
    )
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(program)],
            "interactiveMode": "Never",
        }
    }


def gives(folder: Path, **status: str) -> None:
    """What the plugin gives from now on."""
    (folder / "status").write_text(json.dumps(status))


def runs(folder: Path) -> int:
    """How often the plugin was run."""
    return len((folder / "runs").read_text())


def changed(kubeconfig: Path, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    """The kubeconfig with another user, or more said of the cluster."""
    document = yaml.safe_load(kubeconfig.read_text())
    if user is not None:
        document["users"][0]["user"] = user
    document["clusters"][0]["cluster"].update(cluster)
    kubeconfig.write_text(yaml.safe_dump(document))
    return str(kubeconfig)
