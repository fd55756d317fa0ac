"""Running a command in this process, and files to run it on."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
from pointsman.tui.cli import main

_REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = jsonschema.Draft202012Validator(
    json.loads((_REPOSITORY / "docs" / "output.schema.json").read_text())
)


class Told(NamedTuple):
    """The exit code and both outputs."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """The one JSON document, as the published schema has it."""
        return valid(self.out)

    def lines(self) -> list[dict[str, Any]]:
        """One document a line."""
        return [valid(line) for line in self.out.splitlines()]


def valid(text: str) -> dict[str, Any]:
    document = json.loads(text)
    OUTPUT.validate(document)
    return dict(document)


class _Input(io.StringIO):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(data)  # type: ignore[assignment]


def tell(*arguments: str | Path, stdin: bytes = b"") -> Told:
    """``pointsman ARGUMENTS``."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["pointsman", *map(str, arguments)])
        patch.setattr(sys, "stdin", _Input(stdin))
        with pytest.raises(SystemExit) as end:
            main()
    return Told(int(end.value.code or 0), out.getvalue(), err.getvalue())


def diagnose(*arguments: str | Path, stdin: bytes = b"") -> Told:
    """``pointsman diagnose ARGUMENTS``."""
    return tell("diagnose", *arguments, stdin=stdin)


GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: infra}
spec:
  gatewayClassName: edge
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
"""
CLASS = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: example.net/edge}
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: store, namespace: shop}
spec:
  parentRefs: [{name: main, namespace: infra}]
  rules: [{backendRefs: [{name: store, port: 8080}]}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: store, namespace: shop}
spec: {ports: [{port: 8080}]}
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: store-1, namespace: shop, labels: {kubernetes.io/service-name: store}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
"""


def joined(*documents: str) -> str:
    """Several documents in one text."""
    return "---\n".join(documents)


HEALTHY = joined(CLASS, GATEWAY, ROUTE, SERVICE, SLICE)
