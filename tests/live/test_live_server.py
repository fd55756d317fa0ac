"""The real API server as the other tests find it, and a program of ours that reads it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from live_admin import Admin
from live_apiserver import LiveServer
from live_helpers import a_gateway, a_route

pytestmark = pytest.mark.live


def status(server: LiveServer, *arguments: str) -> dict[str, object]:
    argv = [
        sys.executable,
        "-m",
        "pointsman.tui",
        "status",
        "-o",
        "json",
        "--kubeconfig",
        str(server.kubeconfig()),
    ]
    done = subprocess.run([*argv, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    return dict(json.loads(done.stdout))


def test_status_reads_what_was_applied(live_cluster: LiveServer, admin: Admin) -> None:
    admin.apply(a_gateway(), a_route())
    said = json.dumps(status(live_cluster))
    assert '"cart"' in said
    assert "GW103" in said, "the Service is missing"


def test_what_is_asked_stands_in_the_audit_log(live_cluster: LiveServer, admin: Admin) -> None:
    mark = live_cluster.audit_mark()
    status(live_cluster)
    asked = {
        (one["verb"], one.get("objectRef", {}).get("resource", ""))
        for one in live_cluster.audit("admin", mark)
    }
    assert ("list", "httproutes") in asked
