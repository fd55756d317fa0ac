"""Pods that the API server can reach: an address of this machine, no loopback, and who answers there."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from live_admin import Admin
from pointsman.sandbox.edge_metrics import PROMETHEUS_CONTENT_TYPE

# a test network (RFC 5737): nothing is sent, only the way there is looked up
_ELSEWHERE = ("198.51.100.1", 9)


def own_address() -> str:
    """One that the API server's proxy does not refuse (it refuses loopback); empty where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(_ELSEWHERE)
        except OSError:
            return ""
        address = str(asked.getsockname()[0])
    return "" if address.startswith("127.") else address


@contextmanager
def serving(address: str, text: Callable[[], str]) -> Iterator[int]:
    """The port on which every path shows the counters."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", PROMETHEUS_CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((address, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="counters", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def live_at(admin: Admin, address: str, namespace: str, selector: str) -> None:
    """The one pod that the selector means is at that address; others of it are gone."""
    pods = admin.ask("GET", f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": selector})[
        "items"
    ]
    assert pods, selector
    for pod in pods[1:]:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
        admin.ask("DELETE", path, params={"gracePeriodSeconds": "0"})
    status = {**pods[0]["status"], "podIP": address, "podIPs": [{"ip": address}], "phase": "Running"}
    path = f"/api/v1/namespaces/{namespace}/pods/{pods[0]['metadata']['name']}/status"
    merge = {"Content-Type": "application/merge-patch+json"}
    admin.ask("PATCH", path, content=json.dumps({"status": status}), headers=merge)
