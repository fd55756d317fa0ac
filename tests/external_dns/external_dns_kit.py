"""One small world in which every host is a case, and the real external-dns to hold the simulation against."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.state.external_dns.flags import Flags, arguments, flags_from
from pointsman.probes.state.external_dns.held import Held, held_records, names_to_read
from pointsman.sandbox.apiserver import ApiServer, Storage
from pointsman.sandbox.pki import PracticeCa

Json = dict[str, Any]
ZONE = "shop.test"
OLD, NEW, NEW6 = "203.0.113.2", "203.0.113.3", "2001:db8::3"
ALPHA = "external-dns.alpha.kubernetes.io/"
GATEWAY = "gateway.networking.k8s.io"
IMAGE = "registry.k8s.io/external-dns/external-dns:v0.21.0"
DEADLINE_S = 20.0
MEDIA = "application/external.dns.webhook+json;version=1"


def host_of(name: str) -> str:
    return f"{name}.{ZONE}"


def ingress(name: str, *hosts: str, address: str = OLD, labels: Json | None = None, **settings: str) -> Json:
    """An Ingress; settings are annotations of external-dns, with underscores for dashes."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": labels or {},
            "annotations": {ALPHA + key.replace("_", "-"): value for key, value in settings.items()},
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": host, "http": {"paths": []}} for host in hosts or (host_of(name),)],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": address}] if address else []}},
    }


def route(
    name: str,
    *hosts: str,
    gateway: str = "main",
    accepted: str = "True",
    kind: str = "HTTPRoute",
    **settings: str,
) -> Json:
    """A route of Gateway infra/``gateway``; ``accepted`` empty: nobody has said anything of it."""
    parent = {"group": GATEWAY, "kind": "Gateway", "namespace": "infra", "name": gateway}
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {
        "type": "Accepted",
        "status": accepted,
        "reason": "Accepted" if accepted == "True" else "NoMatchingListenerHostname",
        "message": "",
        "lastTransitionTime": now,
        "observedGeneration": 1,
    }
    parents = [{"parentRef": parent, "controllerName": "example.test/c", "conditions": [condition]}]
    return {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "annotations": {ALPHA + key.replace("_", "-"): value for key, value in settings.items()},
        },
        "spec": {"parentRefs": [parent], "hostnames": list(hosts or (host_of(name),)), "rules": [{}]},
        "status": {"parents": parents if accepted else []},
    }


def gateway(name: str = "main", *addresses: str, target: str = "", hostname: str = f"*.{ZONE}") -> Json:
    """A Gateway in infra with one HTTPS listener for the zone."""
    return {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "Gateway",
        "metadata": {
            "name": name,
            "namespace": "infra",
            "annotations": {f"{ALPHA}target": target} if target else {},
        },
        "spec": {
            "gatewayClassName": "practice",
            "listeners": [
                {
                    "name": "https",
                    "port": 443,
                    "protocol": "HTTPS",
                    "hostname": hostname,
                    "tls": {"certificateRefs": [{"name": "shop"}]},
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }
            ],
        },
        "status": {
            "addresses": [
                {"type": "IPAddress" if _is_address(one) else "Hostname", "value": one} for one in addresses
            ]
        },
    }


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def service(name: str, *, address: str = OLD, **settings: str) -> Json:
    """A load balancer with annotations of external-dns."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "annotations": {ALPHA + key.replace("_", "-"): value for key, value in settings.items()},
        },
        "spec": {"type": "LoadBalancer", "ports": [{"name": "https", "port": 443}]},
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    }


def namespaces(*names: str) -> list[Json]:
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


def ownership(owner: str, resource: str) -> str:
    return f"heritage=external-dns,external-dns/owner={owner},external-dns/resource={resource}"


@dataclass
class Records:
    """A zone as a provider holds it: address sets and TXT records by name."""

    sets: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def put(
        self,
        name: str,
        kind: str,
        *values: str,
        owner: str = "",
        resource: str = "",
        ttl: int = 60,
        txt: str = "",
    ) -> None:
        """A record set, with its ownership record in the new format (or at ``txt``) where it has an owner."""
        host = host_of(name)
        self.sets[host, kind] = (ttl, values)
        if owner:
            self.texts[txt or f"{kind.lower()}-{host}"] = ownership(owner, resource)

    def held(self, flags: Flags, hosts: tuple[str, ...]) -> tuple[Held, ...]:
        asked = names_to_read(hosts, [flags])
        texts = {name: (self.texts[name],) for name in asked if name in self.texts}
        sets = [(host, kind, ttl, values) for (host, kind), (ttl, values) in self.sets.items()]
        return held_records([one for one in sets if one[0] in hosts], texts, flags)

    def endpoints(self) -> list[Json]:
        """As external-dns's webhook protocol has them."""
        found = [
            {"dnsName": host, "recordType": kind, "recordTTL": ttl, "targets": list(values)}
            for (host, kind), (ttl, values) in self.sets.items()
        ]
        return found + [
            {"dnsName": name, "recordType": "TXT", "recordTTL": 300, "targets": [f'"{text}"']}
            for name, text in self.texts.items()
        ]


def snapshot_of(documents: list[Json]) -> Snapshot:
    return read_documents(documents)


def flags_for(*words: str) -> Flags:
    return flags_from(arguments(words), IMAGE)


def find_external_dns() -> str:
    """The real program, or a skip that says how to name it."""
    named = os.environ.get("POINTSMAN_EXTERNAL_DNS", "") or shutil.which("external-dns") or ""
    if not named or not os.access(named, os.X_OK):
        pytest.skip("needs external-dns on the PATH, or its path in POINTSMAN_EXTERNAL_DNS")
    return named


async def what_it_does(program: str, documents: list[Json], records: Records, *words: str) -> Json:
    """One round of the real external-dns over a practice cluster: what it asks its provider for."""
    changes: Json = {}

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST" and request.path == "/records":
            changes.update(json.loads(await request.read()))
            return web.Response(status=204)
        body: Any = {"filters": [], "exclude": []}
        if request.path == "/records":
            body = records.endpoints()
        elif request.path == "/adjustendpoints":
            body = json.loads(await request.read())
        return web.Response(body=json.dumps(body), headers={"Content-Type": MEDIA})

    async with AsyncExitStack() as stack:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        kubeconfig = await practice_cluster(stack, documents)
        await _run_once(
            program, f"--kubeconfig={kubeconfig}", f"--webhook-provider-url=http://127.0.0.1:{port}", *words
        )
    return changes


async def practice_cluster(stack: AsyncExitStack, documents: list[Json]) -> Path:
    """A practice API server with these objects; the path of its kubeconfig."""
    import tempfile

    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    storage = Storage()
    for document in documents:
        storage.apply(document)
    ca = PracticeCa()
    files = ca.issue(["127.0.0.1", "localhost"]).write(directory, "api")
    server = ApiServer(storage, files.chain_file, files.key_file, "administrators-token")
    await server.start("127.0.0.1")
    stack.push_async_callback(server.stop)
    server.write_kubeconfig(directory / "kubeconfig", ca.root_pem)
    return directory / "kubeconfig"


async def _run_once(program: str, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        program,
        "--once",
        "--provider=webhook",
        "--metrics-address=127.0.0.1:0",
        "--events=false" if False else "--log-level=info",
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, said.decode(errors="replace")[-2000:]
