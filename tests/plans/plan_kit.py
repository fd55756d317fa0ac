"""A practice world in a child process, commands run beside each other, and small worlds of documents."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, cast

import jsonschema
import pytest
from pointsman.checklists.plans.find import Wanted
from pointsman.checklists.plans.model import ObjectName
from pointsman.checklists.plans.write import scalar
from pointsman.cluster.documents import read_manifest, read_manifests
from pointsman.cluster.snapshot import Snapshot
from pointsman.probes.wire.dns.answers import DnsAnswer, RecordSet
from pointsman.probes.wire.dns.facts import AUTHORITATIVE, DnsFacts, DnsServerFacts, DnsTarget
from pointsman.tui.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "docs" / "output.schema.json").read_text()))


class Told(NamedTuple):
    code: int
    out: str
    err: str


def run_all(*commands: Sequence[str | Path]) -> list[Told]:
    """``pointsman ARGUMENTS`` of each, all at once, as processes."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "pointsman.tui", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for arguments in commands
    ]
    told = []
    for child in started:
        out, err = child.communicate(timeout=120)
        told.append(Told(child.returncode, out, err))
    return told


def run_here(*arguments: str | Path) -> Told:
    """``pointsman ARGUMENTS`` in this process: the same command, without the time that a start takes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["pointsman", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as end:
            main()
    said = [cast("io.BytesIO", one.buffer).getvalue().decode() for one in (out, err)]
    return Told(int(end.value.code or 0), *said)


def documents(text: str) -> Snapshot:
    """The world of some YAML documents."""
    return read_manifests([read_manifest(text.encode(), "test.yaml")]).snapshot


def wanted(gateway: str = "infra/main", **others: Any) -> Wanted:
    return Wanted(gateway=ObjectName(*gateway.split("/")), **others)


def dns_of(host: str, ttl: int = 3600, *values: str, zone: str = "shop.test.", aa: bool = True) -> DnsFacts:
    """One name server with an A record."""
    rrset = RecordSet(f"{host}.", "A", ttl, values or ("192.0.2.1",))
    answer = DnsAnswer("A", "NOERROR", aa, (rrset,))
    server = DnsServerFacts("192.0.2.53:53", AUTHORITATIVE, (answer,), zone=zone if aa else "")
    return DnsFacts(DnsTarget(host), (server,))


def flow(values: dict[str, str]) -> str:
    """A mapping of texts on one line of YAML."""
    return "{" + ", ".join(f"{scalar(key)}: {scalar(value)}" for key, value in values.items()) + "}"


BASE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: infra, name: main}
spec:
  gatewayClassName: envoy
  listeners:
    - name: https
      protocol: HTTPS
      port: 443
      hostname: "*.shop.test"
      allowedRoutes: {namespaces: {from: All}}
      tls: {certificateRefs: [{name: wild}]}
status: {addresses: [{type: IPAddress, value: 192.0.2.2}]}
"""


def ingress(
    name: str, host: str, *paths: str, annotations: str = "{}", more: str = "", status: str = ""
) -> str:
    backend = "{service: {name: app, port: {number: 80}}}"
    rows = "\n".join(
        f"          - {{path: {scalar(path)}, pathType: Prefix, backend: {backend}}}"
        for path in paths or ("/",)
    )
    addresses = status or "[{ip: 192.0.2.1}]"
    return f"""---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{namespace: shop, name: {name}, annotations: {annotations}}}
spec:
  ingressClassName: nginx
  rules:
    - host: {scalar(host)}
      http:
        paths:
{rows}
{more}
status: {{loadBalancer: {{ingress: {addresses}}}}}
"""


def route(name: str, host: str, matches: str = "[{path: {type: PathPrefix, value: /}}]") -> str:
    return f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{namespace: shop, name: {name}}}
spec:
  parentRefs: [{{name: main, namespace: infra}}]
  hostnames: [{scalar(host)}]
  rules:
    - matches: {matches}
      backendRefs: [{{name: app, port: 80}}]
"""
