"""Changes written to etcd, under the API server, at rates that an API server cannot take on two cores.

One status written through a kube-apiserver costs it 5 to 10 ms of processor time (the schema, CEL rules and
managed fields of an HTTPRoute), so five hundred a second would need several cores for the writing alone. What
the clients get is the same either way: the API server watches etcd, and sends what it sees there.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import threading
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
_ROUTES = "/registry/gateway.networking.k8s.io/httproutes/"
_SLICES = "/registry/endpointslices/"
_PAGE = 1_000
# stored as protobuf, where another length would be another message
_ADDRESS = re.compile(rb"10\.\d\.\d\.\d(?!\d)")


class EtcdChanges:
    """What etcd holds of the routes and EndpointSlices, and changes of it; safe from many threads."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()
        self._values = {key: value for prefix in (_ROUTES, _SLICES) for key, value in self._read(prefix)}

    def apply(self, document: Json, part: Json) -> None:
        """A change as `many_routes.status_changes` describes it."""
        meta = document["metadata"]
        if document["kind"] == "HTTPRoute":
            key = f"{_ROUTES}{meta['namespace']}/{meta['name']}"
            value = json.dumps(json.loads(self._values[key]) | part, separators=(",", ":")).encode()
        else:
            key = f"{_SLICES}{meta['namespace']}/{meta['name']}"
            value = _ADDRESS.sub(_next_address, self._values[key], count=1)
        self._values[key] = value
        self._ask("put", {"key": _b64(key.encode()), "value": _b64(value)})

    def _read(self, prefix: str) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        first, end = prefix.encode(), prefix[:-1].encode() + b"0"
        while True:
            answer = self._ask("range", {"key": _b64(first), "range_end": _b64(end), "limit": _PAGE})
            found += [
                (base64.b64decode(one["key"]).decode(), base64.b64decode(one["value"]))
                for one in answer.get("kvs", ())
            ]
            if not answer.get("more"):
                return found
            first = found[-1][0].encode() + b"\0"

    def _ask(self, what: str, body: Json) -> Json:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._local.connection = connection
        # etcd's own JSON gateway, https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
        connection.request("POST", f"/v3/kv/{what}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"etcd {what}: {answer.status} {text[:500]!r}")
        return dict(json.loads(text))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _next_address(found: re.Match[bytes]) -> bytes:
    number = (int(found[0].replace(b".", b"")[2:]) + 1) % 1_000
    return b"10.%d.%d.%d" % (number // 100, number // 10 % 10, number % 10)


def changing(port: int, change: Callable[[int], tuple[Json, Json]]) -> Callable[[int], None]:
    """What carries out the n-th ``change`` in the etcd at ``port``."""
    store = EtcdChanges(port)
    return lambda number: store.apply(*change(number))
