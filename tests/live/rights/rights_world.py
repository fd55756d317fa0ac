"""The shop of the practice world in a real API server: its objects with their statuses, and more kinds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from live_admin import Admin
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo

Json = dict[str, Any]
_Result = TypeVar("_Result")
_OF_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
# the rest of what the manifests name, without a schema: (group, version, kind, plural, namespaced)
_MORE_KINDS = (
    ("gateway.networking.x-k8s.io", "v1alpha1", "XListenerSet", "xlistenersets", True),
    ("gateway.envoyproxy.io", "v1alpha1", "Backend", "backends", True),
    ("gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies", True),
    ("gateway.envoyproxy.io", "v1alpha1", "ClientTrafficPolicy", "clienttrafficpolicies", True),
    ("gateway.envoyproxy.io", "v1alpha1", "EnvoyExtensionPolicy", "envoyextensionpolicies", True),
    ("gateway.envoyproxy.io", "v1alpha1", "EnvoyPatchPolicy", "envoypatchpolicies", True),
    ("gateway.envoyproxy.io", "v1alpha1", "SecurityPolicy", "securitypolicies", True),
    ("cert-manager.io", "v1", "Issuer", "issuers", True),
    ("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", False),
)


class RunningWorld:
    """A practice world in a loop of its own, so that tests that wait do not hold it up."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="practice world", daemon=True)
        self._thread.start()
        self.world = World(shoppers=False)
        self.info: WorldInfo

    def start(self, scenario: str, pace: Pace) -> WorldInfo:
        self.info = self.do(self.world.start(scenario, pace))
        return self.info

    def do(self, work: Coroutine[Any, Any, _Result], within_s: float = 30.0) -> _Result:
        """The result of a coroutine in the world's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def stop(self) -> None:
        try:
            self.do(self.world.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def objects(self) -> list[Json]:
        """Copies of all of them as they are now, statuses included."""
        return self.do(self._objects())

    async def _objects(self) -> list[Json]:
        storage = self.world.storage
        assert storage is not None
        return [document for one in storage.registry for document in storage.list(one.kind, group=one.group)]


@contextmanager
def running_world(scenario: str = "shop", pace: Pace | None = None) -> Iterator[RunningWorld]:
    """Started, and stopped with the block."""
    running = RunningWorld()
    try:
        running.start(scenario, pace or Pace())
        yield running
    finally:
        running.stop()


def serve_more_kinds(admin: Admin) -> None:
    """CRDs for what the manifests name beside the official bundle."""
    for group, version, kind, plural, namespaced in _MORE_KINDS:
        admin.apply(_crd(group, version, kind, plural, namespaced))
    names = [f"{plural}.{group}" for group, _, _, plural, _ in _MORE_KINDS]
    admin._until(lambda: all(map(admin._established, names)), 30.0, "the CRDs are not served")


def _crd(group: str, version: str, kind: str, plural: str, namespaced: bool) -> Json:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": anything},
                }
            ],
        },
    }


def copy_into(admin: Admin, objects: Iterable[Json]) -> list[str]:
    """Apply objects to the real API server; a line for each that it refuses."""
    refusals = []
    for document in objects:
        if document["kind"] == "CustomResourceDefinition":
            continue
        for field in _OF_THE_SERVER:
            document["metadata"].pop(field, None)
        if document["kind"] == "Service":
            # addresses of another range
            document["spec"].pop("clusterIP", None)
            document["spec"].pop("clusterIPs", None)
        try:
            admin.apply(document)
        except RuntimeError as error:
            refusals.append(f"{document['kind']} {document['metadata']['name']}: {error}")
    return refusals


def one_of_each() -> list[Json]:
    """An object of every kind that the shop has none of, so that each right has something to be used on."""
    meta = {"namespace": "shop", "name": "one"}
    gateway = "gateway.networking.k8s.io"
    backend = {"backendRefs": [{"name": "store", "port": 80}]}
    parent = {"parentRefs": [{"name": "main", "namespace": "infra"}]}
    made: list[Json] = [
        {
            "apiVersion": f"{gateway}/v1",
            "kind": kind,
            "metadata": meta,
            "spec": {**parent, "rules": [backend]},
        }
        for kind in ("TCPRoute", "UDPRoute")
    ]
    for group, version, kind, _, namespaced in _MORE_KINDS:
        named = meta if namespaced else {"name": "one"}
        made.append({"apiVersion": f"{group}/{version}", "kind": kind, "metadata": named, "spec": {}})
    experimental = "gateway.networking.x-k8s.io/v1alpha1"
    target = {"targetRefs": [{"group": "", "kind": "Service", "name": "store"}]}
    backend = {
        "type": "ExternalHostname",
        "externalHostname": {"hostname": "example.com"},
        "port": {"port": 443},
    }
    made += [
        {"apiVersion": experimental, "kind": "XBackend", "metadata": meta, "spec": backend},
        {"apiVersion": experimental, "kind": "XBackendTrafficPolicy", "metadata": meta, "spec": target},
        {
            "apiVersion": experimental,
            "kind": "XMesh",
            "metadata": {"name": "one"},
            "spec": {"controllerName": "example.com/mesh"},
        },
        _daemon_set(),
    ]
    return made


def _daemon_set() -> Json:
    labels = {"app": "one"}
    pod = {"containers": [{"name": "main", "image": "example.com/one:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"namespace": "shop", "name": "one"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
