"""Small stand-ins for the providers' APIs, so that their real tools can be run: exact where it matters here.

Route 53 and Cloud DNS refuse a deletion that is not exactly what is there; Cloudflare compares nothing.
"""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pointsman.checklists.records.base import RecordSet

SOA = "ns1.example. hostmaster.example. 7 3600 600 86400 300"
_ROUTE53 = "{https://route53.amazonaws.com/doc/2013-04-01/}"


class Held:
    """The zone as the API holds it, by (name, type)."""

    def __init__(self, sets: tuple[RecordSet, ...]) -> None:
        self.sets = {(one.host, one.type): (one.ttl, tuple(sorted(one.values))) for one in sets}
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str] = []

    @property
    def records(self) -> tuple[RecordSet, ...]:
        return tuple(sorted(RecordSet(*key, *held) for key, held in self.sets.items()))

    def swap(self, deletions: list[tuple[Any, ...]], additions: list[tuple[Any, ...]]) -> bool:
        """All or nothing; False: a deletion is not what is there, or an addition is there already."""
        after = dict(self.sets)
        for name, kind, ttl, values in deletions:
            if after.pop((name, kind), None) != (ttl, tuple(sorted(values))):
                return False
        for name, kind, ttl, values in additions:
            if (name, kind) in after:
                return False
            after[name, kind] = (ttl, tuple(sorted(values)))
        self.sets = after
        return True


@contextmanager
def practice_console(held: Held) -> Iterator[str]:
    """The address of one server that plays all three."""

    class Handler(_Handler):
        state = held

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    state: Held

    def log_message(self, *_: object) -> None:
        """Nothing on the test's screen."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.state.requests.append(("GET", parts.path))
        if "/dns_records" in parts.path:
            self.state.tokens.append(self.headers["Authorization"])
            found = [one for one in self._cloudflare() if one["name"] == query["name.exact"]]
            self._answer(200, {"success": True, "result": found})
        else:
            self._answer(200, {"rrsets": self._cloud_dns(query)})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.state.requests.append(("POST", self.path))
        if self.path.endswith("/dns_records/batch"):
            self.state.tokens.append(self.headers["Authorization"])
            self._batch(json.loads(body))
        elif "/hostedzone/" in self.path:
            self._route53(body)
        else:
            self._changes(json.loads(body))

    def _answer(self, status: int, body: object) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _route53(self, body: str) -> None:
        steps: dict[str, list[tuple[Any, ...]]] = {"DELETE": [], "CREATE": []}
        for change in ET.fromstring(body).iter(f"{_ROUTE53}Change"):
            text = {element.tag.removeprefix(_ROUTE53): element.text or "" for element in change.iter()}
            values = [element.text for element in change.iter(f"{_ROUTE53}Value")]
            steps[text["Action"]].append((text["Name"].rstrip("."), text["Type"], int(text["TTL"]), values))
        if self.state.swap(steps["DELETE"], steps["CREATE"]):
            at = "2026-01-01T00:00:00Z"
            info = f"<Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>{at}</SubmittedAt>"
            name = "ChangeResourceRecordSetsResponse"
            xml = f"<{name}><ChangeInfo>{info}</ChangeInfo></{name}>"
            self._answer(200, xml.encode())
        else:
            error = "<Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>values do not match</Message>"
            self._answer(400, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode())

    def _cloud_dns(self, query: dict[str, str]) -> list[dict[str, Any]]:
        held = {**self.state.sets, ("shop.test", "SOA"): (300, (SOA,))}
        return [
            {
                "kind": "dns#resourceRecordSet",
                "name": f"{name}.",
                "type": kind,
                "ttl": ttl,
                "rrdatas": list(values),
            }
            for (name, kind), (ttl, values) in held.items()
            if query.get("name", f"{name}.") == f"{name}." and query.get("type", kind) == kind
        ]

    def _changes(self, body: dict[str, Any]) -> None:
        deletions, additions = (
            [
                (one["name"].rstrip("."), one["type"], one["ttl"], one["rrdatas"])
                for one in body.get(part, [])
                if one["type"] != "SOA"
            ]
            for part in ("deletions", "additions")
        )
        if self.state.swap(deletions, additions):
            self._answer(200, {**body, "id": "1", "status": "done", "startTime": "2026-01-01T00:00:00Z"})
        else:
            self._answer(412, {"error": {"code": 412, "message": "Precondition not met", "errors": []}})

    def _cloudflare(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{name}|{kind}|{value}",
                "name": name,
                "type": kind,
                "ttl": ttl,
                "content": value,
                "proxied": False,
            }
            for (name, kind), (ttl, values) in self.state.sets.items()
            for value in values
        ]

    def _batch(self, body: dict[str, Any]) -> None:
        records = {one["id"]: one for one in self._cloudflare()}
        for one in body.get("deletes", []):
            del records[one["id"]]
        for one in body.get("patches", []):
            records[one["id"]] |= one
        for number, one in enumerate(body.get("posts", [])):
            records[f"new{number}"] = one
        sets: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        for one in records.values():
            key = one["name"], one["type"]
            sets[key] = (one["ttl"], tuple(sorted((*sets.get(key, (0, ()))[1], one["content"]))))
        self.state.sets = sets
        self._answer(200, {"success": True})
