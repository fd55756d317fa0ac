"""Real kubectl against the practice server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl, which is not installed"),
]

MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec: {hostnames: [%s]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 80}, {name: https, port: %d}]}
"""


class Kubectl:
    def __init__(self, directory):
        self.kubeconfig = directory / "kubeconfig"
        self.home = directory / "home"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "KUBECACHEDIR": str(self.home / "cache"),
            "KUBECONFIG": str(self.kubeconfig),
        }

    async def start(self, *words):
        return await asyncio.create_subprocess_exec(
            "kubectl",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )

    async def run(self, *words, stdin="", code=0):
        """Standard output; of a command that should fail, standard error."""
        process = await self.start(*words)
        async with asyncio.timeout(30):
            output, errors = await process.communicate(stdin.encode())
        assert process.returncode == code, f"{words}: {output.decode()}{errors.decode()}"
        return (errors if code else output).decode()


@pytest.fixture
def kubectl(server, certificate_files, tmp_path):
    kubectl = Kubectl(tmp_path)
    kubectl.home.mkdir()
    server.write_kubeconfig(kubectl.kubeconfig, certificate_files.certificate.read_text())
    return kubectl


@pytest.fixture(autouse=True)
def objects(storage, make_gateway, make_route):
    condition = {
        "type": "Programmed",
        "status": "True",
        "reason": "Programmed",
        "message": "all is well",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    main = storage.apply(
        make_gateway(status={"addresses": [{"value": "203.0.113.9"}], "conditions": [condition]})
    )
    storage.apply(make_route("cart"))
    storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "tls", "namespace": "shop"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": "", "tls.key": ""},
        }
    )
    storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "main.1", "namespace": "infra"},
            "involvedObject": {
                "apiVersion": main["apiVersion"],
                "kind": "Gateway",
                "name": "main",
                "namespace": "infra",
                # kubectl describe asks for the events of this very object
                "uid": main["metadata"]["uid"],
            },
            "type": "Warning",
            "reason": "NoAddress",
            "message": "no address could be had",
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
    )


def columns(output):
    return [re.split(r"\s{2,}", line.strip()) for line in output.splitlines() if line.strip()]


async def test_get_as_tables(kubectl):
    rows = columns(await kubectl.run("get", "gateways,httproutes", "-A"))
    assert rows[0] == ["NAMESPACE", "NAME", "CLASS", "ADDRESS", "PROGRAMMED", "AGE"]
    assert rows[1][:5] == [
        "infra",
        "gateway.gateway.networking.k8s.io/main",
        "practice",
        "203.0.113.9",
        "True",
    ]
    assert rows[2] == ["NAMESPACE", "NAME", "HOSTNAMES", "AGE"]
    assert rows[3][2] == '["cart.example.com"]'
    rows = columns(await kubectl.run("get", "secrets", "-n", "shop"))
    assert rows[1][:3] == ["tls", "kubernetes.io/tls", "2"]
    rows = columns(await kubectl.run("get", "events", "-n", "infra"))
    assert rows[0] == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert rows[1][1:] == ["Warning", "NoAddress", "gateway/main", "no address could be had"]


async def test_get_watch_sees_a_change(kubectl, storage):
    process = await kubectl.start("get", "gtw", "-A", "-w")
    try:
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()).split()[0] == b"NAMESPACE"
            assert (await process.stdout.readline()).split()[4] == b"True"
            storage.set_status(
                "Gateway", "infra", "main", {"conditions": [{"type": "Programmed", "status": "False"}]}
            )
            assert (await process.stdout.readline()).split()[:4] == [b"infra", b"main", b"practice", b"False"]
    finally:
        process.kill()
        await process.communicate()


async def test_yaml_and_describe(kubectl, storage):
    document = yaml.safe_load(await kubectl.run("get", "gtw", "main", "-n", "infra", "-o", "yaml"))
    assert document == storage.get("Gateway", "infra", "main")
    described = await kubectl.run("describe", "gateway", "main", "-n", "infra")
    assert re.search(r"Gateway Class Name:\s+practice", described)
    assert re.search(r"Warning\s+NoAddress\s+.*no address could be had", described)


async def test_patch_annotate_label(kubectl, storage):
    main = ("gtw", "main", "-n", "infra")
    await kubectl.run("patch", *main, "--type", "merge", "-p", '{"spec":{"gatewayClassName":"other"}}')
    good = (
        '[{"op":"test","path":"/spec/gatewayClassName","value":"other"},'
        '{"op":"add","path":"/spec/x","value":1}]'
    )
    await kubectl.run("patch", *main, "--type", "json", "-p", good)
    await kubectl.run("annotate", *main, "owner=me")
    await kubectl.run("label", *main, "wave=1")
    kept = storage.get("Gateway", "infra", "main")
    assert (kept["spec"]["gatewayClassName"], kept["spec"]["x"], kept["metadata"]["generation"]) == (
        "other",
        1,
        3,
    )
    assert kept["metadata"]["annotations"] == {"owner": "me"}
    assert "main" in await kubectl.run("get", "gtw", "-A", "-l", "wave=1")
    stale = good.replace('"other"', '"third"')
    assert "request is invalid" in await kubectl.run("patch", *main, "--type", "json", "-p", stale, code=1)
    refusal = await kubectl.run("patch", *main, "-p", '{"spec":{}}', code=1)
    assert "strategic-merge-patch+json is not supported" in refusal
    await kubectl.run("annotate", *main, "owner=you", "--resource-version=1", "--overwrite", code=1)


async def test_apply_create_replace_delete(kubectl, storage):
    first, second = MANIFESTS % ("a.example.com", 443), MANIFESTS % ("b.example.com", 8443)
    assert (await kubectl.run("apply", "-f", "-", stdin=first)).count("created") == 2
    assert (await kubectl.run("apply", "-f", "-", stdin=second)).count("configured") == 2
    assert (await kubectl.run("apply", "-f", "-", stdin=second)).count("unchanged") == 2
    assert storage.get("HTTPRoute", "shop", "api")["spec"] == {"hostnames": ["b.example.com"]}
    assert [p["port"] for p in storage.get("Service", "shop", "api")["spec"]["ports"]] == [80, 8443]
    assert "server dry run" in await kubectl.run("apply", "--dry-run=server", "-f", "-", stdin=first)
    await kubectl.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=first)
    assert storage.get("HTTPRoute", "shop", "api")["spec"] == {"hostnames": ["a.example.com"]}
    document = storage.get("HTTPRoute", "shop", "api")
    document["spec"]["hostnames"] = ["c.example.com"]
    await kubectl.run("replace", "-f", "-", stdin=json.dumps(document))
    refusal = await kubectl.run("replace", "-f", "-", stdin=json.dumps(document), code=1)
    assert "(Conflict)" in refusal
    assert "AlreadyExists" in await kubectl.run("create", "-f", "-", stdin=first, code=1)
    assert (await kubectl.run("delete", "-f", "-", stdin=first)).count("deleted") == 2
    assert "(NotFound)" in await kubectl.run("get", "svc", "api", "-n", "shop", code=1)


async def test_create_of_builtin_kinds(kubectl, storage):
    await kubectl.run("create", "namespace", "fresh")
    await kubectl.run("create", "configmap", "c", "--from-literal=a=b", "-n", "fresh")
    rule = "--rule=store.example.com/x*=svc:80,tls=cert"
    await kubectl.run("create", "ingress", "i", "-n", "fresh", "--class=nginx", rule)
    spec = storage.get("Ingress", "fresh", "i")["spec"]
    assert spec["tls"] == [{"hosts": ["store.example.com"], "secretName": "cert"}]
    assert spec["rules"][0]["http"]["paths"][0]["backend"] == {
        "service": {"name": "svc", "port": {"number": 80}}
    }
    assert storage.get("ConfigMap", "fresh", "c")["data"] == {"a": "b"}
    refusal = await kubectl.run("create", "configmap", "c", "-n", "nowhere", code=1)
    assert 'namespaces "nowhere" not found' in refusal
    await kubectl.run("delete", "namespace", "fresh")
    assert storage.get("ConfigMap", "fresh", "c") is None


async def test_auth(kubectl, server, certificate_files):
    assert "practice-admin" in await kubectl.run("auth", "whoami")
    assert await kubectl.run("auth", "can-i", "patch", "httproutes", "-n", "shop") == "yes\n"
    assert re.search(r"\*\.\*\s.*\[\*\]", await kubectl.run("auth", "can-i", "--list", "-n", "shop"))
    server.write_kubeconfig(kubectl.kubeconfig, certificate_files.certificate.read_text(), "readers-token")
    await kubectl.run("auth", "can-i", "patch", "httproutes", "-n", "shop", code=1)
    assert "cart" in await kubectl.run("get", "httproutes", "-n", "shop")
    refusal = await kubectl.run("delete", "httproute", "cart", "-n", "shop", code=1)
    assert 'User "practice-reader" cannot delete resource "httproutes"' in refusal


async def test_wait_for_a_condition(kubectl, storage):
    storage.set_status("Gateway", "infra", "main", {})
    process = await kubectl.start(
        "wait", "--for=condition=Programmed", "gtw/main", "-n", "infra", "--timeout=20s"
    )
    try:
        async with asyncio.timeout(20):
            history = storage.history(storage.registry.find("Gateway"))
            while not history.watchers:  # noqa: ASYNC110 - kubectl tells nobody that it watches
                await asyncio.sleep(0.02)
            condition = {"type": "Programmed", "status": "True", "observedGeneration": 1}
            storage.set_status("Gateway", "infra", "main", {"conditions": [condition]})
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, errors) == (0, b"")
    assert b"condition met" in output


async def test_an_official_release_of_the_gateway_api_can_be_applied(kubectl, storage):
    shared = Path(os.environ.get("POINTSMAN_SHARED", Path(__file__).parents[2].parent / "shared"))
    bundle = shared / "crds" / "v1.6.1-experimental"
    if not bundle.is_dir():
        pytest.skip(f"the CRDs are not here: {bundle}")
    output = await kubectl.run("apply", "--server-side", "-f", str(bundle))
    assert output.count("customresourcedefinition") == output.count("serverside-applied") - 2 == 13
    assert storage.registry.find("XMesh").namespaced is False
    assert await kubectl.run("get", "xmeshes") == ""


async def test_a_crd_that_comes_and_goes(kubectl, storage):
    definition = storage.get("CustomResourceDefinition", "", "udproutes.gateway.networking.k8s.io")
    await kubectl.run("delete", "crd", "udproutes.gateway.networking.k8s.io")
    refusal = await kubectl.run("get", "udproutes", "-A", code=1)
    assert "find the requested resource" in refusal or "doesn't have a resource type" in refusal
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation"):
        definition["metadata"].pop(field)
    await kubectl.run("create", "-f", "-", stdin=json.dumps(definition))
    await kubectl.run("wait", "--for=condition=Established", "crd/udproutes.gateway.networking.k8s.io")
    await kubectl.run("get", "udproutes", "-A")
