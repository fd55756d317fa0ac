"""What an administrator does to a cluster for the tests: CRDs, objects, statuses, rights, a clean sweep."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import yaml
from live_apiserver import LiveServer

Json = dict[str, Any]
_SWEPT_GROUPS = frozenset(
    {
        "gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io",
        "networking.k8s.io",
        "discovery.k8s.io",
        "apps",
        "coordination.k8s.io",
        "rbac.authorization.k8s.io",
    }
)
_SWEPT_CORE = ("services", "endpoints", "pods", "secrets", "configmaps", "serviceaccounts", "events")
# cluster-scoped things that the API server needs or makes itself
_KEPT_CLUSTER = frozenset({"servicecidrs", "ipaddresses", "clusterroles", "clusterrolebindings"})
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# of which the API server has objects in its own namespaces
_GROUPS_OF_THE_SERVER = ("", "coordination.k8s.io", "rbac.authorization.k8s.io")
_KEPT_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
_OWN_WORDS = frozenset({"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"})
_PATIENCE_S = 60.0
_MANAGER = {"fieldManager": "live-tests", "force": "true"}


class Admin:
    """One client with all rights. Every method returns when the API server has said yes."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.client = server.client(timeout_s=120.0)
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}
        self._namespaces: set[str] = set(_KEPT_NAMESPACES)

    def close(self) -> None:
        self.client.close()

    def ask(self, method: str, path: str, **more: Any) -> Json:
        """The answer's JSON; a refusal is raised with the server's own words."""
        deadline = time.monotonic() + _PATIENCE_S
        answer = self.client.request(method, path, **more)
        while answer.status_code == 429 and time.monotonic() < deadline:
            # a kind whose CRD was changed a moment ago is not ready, and says so
            time.sleep(float(answer.headers.get("Retry-After", "1")))
            answer = self.client.request(method, path, **more)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return dict(answer.json())

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """Where objects of a kind are, by the server's own discovery."""
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        if (api_version, kind) not in self._plurals:
            for one in self.ask("GET", root)["resources"]:
                if "/" not in one["name"]:
                    self._plurals[api_version, one["kind"]] = (one["name"], one["namespaced"])
        plural, namespaced = self._plurals[api_version, kind]
        parts = [root, *(("namespaces", namespace) if namespaced and namespace else ()), plural]
        return "/".join([*parts, *([name] if name else [])])

    def apply(self, *documents: Json) -> None:
        """Server-side apply, status included; a namespace that is not there is made."""
        for document in documents:
            # as it was once read from a cluster: what that one said of itself is not for this one
            meta = {name: value for name, value in document["metadata"].items() if name not in _OWN_WORDS}
            document = {**document, "metadata": meta}
            self.namespace(meta.get("namespace", ""))
            path = self.path(
                document["apiVersion"], document["kind"], meta.get("namespace", ""), meta["name"]
            )
            body = {name: value for name, value in document.items() if name != "status"}
            self._patch(path, body)
            if document.get("status"):
                spoken = {name: document[name] for name in ("apiVersion", "kind", "metadata", "status")}
                self._patch(f"{path}/status", spoken)

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        self.ask("DELETE", self.path(api_version, kind, namespace, name))

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Json:
        return self.ask("GET", self.path(api_version, kind, namespace, name))

    def namespace(self, name: str, **labels: str) -> None:
        """Be there, with these labels; nothing for the empty name."""
        if name and (labels or name not in self._namespaces):
            self._namespaces.add(name)
            meta = {"name": name, "labels": labels}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
            self._patch(f"/api/v1/namespaces/{name}", body)

    @staticmethod
    def definitions(bundle: Path) -> list[Json]:
        """The CRDs of a folder."""
        return [
            one
            for file in sorted(bundle.glob("*.yaml"))
            for one in yaml.load_all(file.read_text(), yaml.CSafeLoader)
            if one and one["kind"] == "CustomResourceDefinition"
        ]

    def install_crds(self, bundle: Path, within_s: float = 120.0) -> list[str]:
        """All CRDs of a folder, until each is served; their names."""
        return self.apply_crds(self.definitions(bundle), within_s)

    def apply_crds(self, documents: list[Json], within_s: float = 120.0) -> list[str]:
        """These, until each is served; their names."""
        for document in documents:
            self._patch(self.crd_path(document["metadata"]["name"]), document)
        names = [one["metadata"]["name"] for one in documents]
        self._until(lambda: all(map(self._established, names)), within_s, f"{', '.join(names)} not served")
        self._plurals.clear()
        return names

    def remove_crds(self, names: Iterable[str], within_s: float = 120.0) -> None:
        """Until nothing of them is left; their objects go too."""
        wanted = list(names)
        for name in wanted:
            self.client.delete(self.crd_path(name))
        gone = lambda name: self.client.get(self.crd_path(name)).status_code == 404  # noqa: E731
        self._until(lambda: all(map(gone, wanted)), within_s, f"{wanted} still there")
        self._plurals.clear()

    @staticmethod
    def crd_path(name: str) -> str:
        return f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"

    def grant(self, user: str, rules: list[Json], namespace: str = "", name: str = "granted") -> str:
        """A (Cluster)Role and its binding for the user alone; an earlier one is replaced. Its name."""
        prefix = "Cluster" if not namespace else ""
        named = f"{user}-{name}"
        meta = {"name": named, **({"namespace": namespace} if namespace else {})}
        group = "rbac.authorization.k8s.io"
        role = {"apiVersion": f"{group}/v1", "kind": f"{prefix}Role", "metadata": meta, "rules": rules}
        binding = {
            **role,
            "kind": f"{prefix}RoleBinding",
            "roleRef": {"apiGroup": group, "kind": f"{prefix}Role", "name": named},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        del binding["rules"]
        self.apply(role, binding)
        return named

    def revoke(self, user: str, namespace: str = "", name: str = "granted") -> None:
        """Take away what `grant` gave under that name."""
        prefix = "Cluster" if not namespace else ""
        for kind in (f"{prefix}RoleBinding", f"{prefix}Role"):
            self.delete("rbac.authorization.k8s.io/v1", kind, namespace, f"{user}-{name}")

    def sweep(self) -> None:
        """Delete every object that a test may have made; CRDs and ClusterRoles stay.

        Nobody else finalizes namespaces here. What the API server keeps in its own ones is left alone.
        """
        for root in ("/api", "/apis"):
            for item in self.ask("GET", root, headers={"Accept": _AGGREGATED})["items"]:
                group = item["metadata"].get("name") or ""
                if group and group not in _SWEPT_GROUPS:
                    continue
                done: set[str] = set()
                for version in item["versions"]:
                    for one in version["resources"]:
                        if one["resource"] not in done and "deletecollection" in one["verbs"]:
                            done.add(one["resource"])
                            self._delete_all(group, version["version"], one)
        for one in self.ask("GET", "/api/v1/namespaces")["items"]:
            if (name := one["metadata"]["name"]) not in _KEPT_NAMESPACES:
                self.client.delete(f"/api/v1/namespaces/{name}")
                one["spec"]["finalizers"] = []
                del one["metadata"]["resourceVersion"]
                self.client.put(f"/api/v1/namespaces/{name}/finalize", json=one)
        self._namespaces = set(_KEPT_NAMESPACES)

    def _delete_all(self, group: str, version: str, resource: Json) -> None:
        plural = resource["resource"]
        if not group and plural not in _SWEPT_CORE:
            return
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        if resource["scope"] == "Cluster":
            if plural not in _KEPT_CLUSTER:
                self.client.delete(f"{root}/{plural}")
            return
        listed = self.ask("GET", f"{root}/{plural}", headers={"Accept": _METADATA})["items"] or ()
        kept = _KEPT_NAMESPACES - {"default"} if group in _GROUPS_OF_THE_SERVER else frozenset()
        for namespace in {one["metadata"].get("namespace", "") for one in listed} - kept:
            # the API server's own `kubernetes` Service comes back by itself
            self.client.delete(f"{root}/namespaces/{namespace}/{plural}")

    def _established(self, name: str) -> bool:
        crd = self.ask("GET", self.crd_path(name))
        conditions = {one["type"]: one["status"] for one in (crd.get("status") or {}).get("conditions") or ()}
        served = next(one["name"] for one in crd["spec"]["versions"] if one["served"])
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        listed = self.client.get(f"/apis/{group}/{served}/{plural}", params={"limit": "1"})
        return conditions.get("Established") == "True" and listed.status_code == 200

    def _patch(self, path: str, body: Json) -> None:
        self.ask(
            "PATCH",
            path,
            params=_MANAGER,
            content=yaml.dump(body, Dumper=yaml.CSafeDumper),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    @staticmethod
    def _until(condition: Any, within_s: float, told: str) -> None:
        deadline = time.monotonic() + within_s
        while True:
            try:
                if condition():
                    return
            except (RuntimeError, httpx.HTTPError):
                pass
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {within_s} s: {told}")
            time.sleep(0.05)
