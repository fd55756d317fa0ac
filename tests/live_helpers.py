"""What the tests of the live part share: the running practice server, waiting, and small objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage

TOKEN = "practice-token-0123456789"


@dataclass
class Practice:
    """The server, its kubeconfig, and how to stop it and bring it back on the same port."""

    storage: Storage
    server: ApiServer
    kubeconfig: Path
    ca_pem: bytes
    files: Any

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    async def restart(self, port: int) -> None:
        self.server = ApiServer(self.storage, self.files.chain_file, self.files.key_file, TOKEN)
        await self.server.start(port=port)


async def eventually(
    condition: Callable[[], Any], within_s: float = 30.0, told: Callable[[], object] | None = None
) -> Any:
    """Wait until ``condition`` gives something true, looking often; fails with its last word or ``told``."""
    deadline = monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if monotonic() > deadline:
            pytest.fail(f"not within {within_s} s: {told() if told else value!r}")
        await asyncio.sleep(0.01)


def a_gateway(name: str = "main", namespace: str = "infra", **spec: Any) -> dict[str, Any]:
    """A small Gateway with one HTTP listener."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "practice",
            "listeners": [
                {
                    "name": "http",
                    "port": 80,
                    "protocol": "HTTP",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }
            ],
            **spec,
        },
    }


def a_route(name: str = "cart", namespace: str = "shop", host: str = "cart.example.com") -> dict[str, Any]:
    """A small HTTPRoute to Gateway infra/main with one Service behind it."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "main", "namespace": "infra"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        },
    }


def open_crd(kind: str, group: str) -> dict[str, Any]:
    """A CRD that takes anything in version v1."""
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
