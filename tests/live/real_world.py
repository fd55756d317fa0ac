"""The real API server as a World of api_worlds: shared by the tests of a worker, swept clean before each."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from api_worlds import EVERYTHING, Grant, Json, Key, Question, Undo
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from live_admin import Admin
from live_apiserver import ISSUER, LiveServer

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_RBAC = "rbac.authorization.k8s.io"
# groups whose CRDs a test may bring after it was said what is denied
_LATER_GROUPS = ("cert-manager.io", "policies.example.com")
# the real server forgives a clock that is wrong by a minute (k8s.io/kubernetes/pkg/serviceaccount/claims.go)
_LEEWAY_S = 60
_SHORT_S, _LONG_S = 30.0, 3600.0
_WITHIN_S = 90.0


class RealWorld:
    """``newest``: the folder of the CRDs that a test finds installed."""

    name: Literal["practice", "real"] = "real"
    user = "user-1"
    patience = 4.0

    def __init__(self, server: LiveServer, admin: Admin, newest: Path) -> None:
        self.server, self.admin, self.newest = server, admin, newest
        self.kubeconfig = Path()
        self._epoch = 0
        self._mark = 0
        self._narrowed = True
        self._scoped: set[str] = set()
        self._as_newest = False
        self._versions: dict[str, str] = {}
        self._frozen = False

    async def open(self, kubeconfig: Path) -> None:
        """As every test finds it."""
        await asyncio.to_thread(self._sweep)
        if self._narrowed:
            await self.rights(EVERYTHING)
        self.kubeconfig = kubeconfig
        await asyncio.to_thread(self._hand_out, kubeconfig)
        self._versions = dict(_KNOWN_VERSIONS)
        self._mark = self.server.audit_mark()

    def _hand_out(self, kubeconfig: Path) -> None:
        kubeconfig.write_bytes(self.server.kubeconfig(self.user).read_bytes())

    async def close(self) -> None:
        """Well again, whatever the test did to it."""
        await self.thaw()
        await self.start()

    @property
    def ca_pem(self) -> bytes:
        return self.server.authority.root_pem

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return self.server.url

    # -- objects --

    async def apply(self, *documents: Json) -> None:
        for document in documents:
            self._versions[document["kind"]] = document["apiVersion"]
            if document["kind"] == "CustomResourceDefinition":
                self._as_newest = False
                await asyncio.to_thread(self.admin.apply_crds, [document])
            else:
                await asyncio.to_thread(self.admin.apply, document)

    async def delete(self, kind: str, namespace: str | None, name: str) -> None:
        if kind == "CustomResourceDefinition":
            await self.remove_crds([name])
            return
        path = await asyncio.to_thread(self.admin.path, self._versions[kind], kind, namespace or "", name)
        await asyncio.to_thread(self.admin.client.delete, path)

    async def get(self, kind: str, namespace: str | None, name: str) -> Json | None:
        try:
            return await asyncio.to_thread(self.admin.get, self._versions[kind], kind, namespace or "", name)
        except RuntimeError as error:
            if " 404 " in str(error):
                return None
            raise

    async def held(self, kinds: Iterable[str]) -> dict[Key, str]:
        return await asyncio.to_thread(self._held, tuple(kinds))

    def _held(self, kinds: tuple[str, ...]) -> dict[Key, str]:
        found = {}
        for kind in kinds:
            path = self.admin.path(self._versions[kind], kind)
            headers = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
            for one in self.admin.ask("GET", path, headers=headers)["items"] or ():
                meta = one["metadata"]
                found[kind, meta.get("namespace", ""), meta["name"]] = meta["resourceVersion"]
        return found

    # -- rights --

    async def rights(self, *grants: Grant) -> None:
        whole = [_rule(one) for one in grants if not one.namespaces]
        within: dict[str, list[Json]] = {}
        for one in grants:
            for namespace in one.namespaces:
                within.setdefault(namespace, []).append(_rule(one))
        await asyncio.to_thread(self._let, whole, within)
        self._narrowed = grants != (EVERYTHING,)

    async def deny(
        self, verbs: Sequence[str], resources: Sequence[str], namespaces: Sequence[str] = ()
    ) -> Undo:
        assert not namespaces or "" in namespaces, "RBAC gives rights in the whole cluster, or in namespaces"
        self._narrowed = True
        whole, taken = await asyncio.to_thread(self._all_but, frozenset(verbs), frozenset(resources))
        within: dict[str, list[Json]] = {}
        if namespaces:
            everywhere = await asyncio.to_thread(self.admin.ask, "GET", "/api/v1/namespaces")
            names = {one["metadata"]["name"] for one in everywhere["items"]} - set(namespaces)
            within = dict.fromkeys(names, taken)
        await asyncio.to_thread(self._let, whole, within)

        async def undo() -> None:
            await self.rights(EVERYTHING)

        return undo

    def _all_but(self, verbs: frozenset[str], resources: frozenset[str]) -> tuple[list[Json], list[Json]]:
        """The rules of somebody who may do all the rest, and what was taken from him."""
        kept: dict[str, list[Json]] = {group: [] for group in _LATER_GROUPS}
        taken: list[Json] = []
        for root in ("/api", "/apis"):
            for item in self.admin.ask("GET", root, headers={"Accept": _AGGREGATED})["items"]:
                group = item["metadata"].get("name") or ""
                rules = kept.setdefault(group, [])
                entries = {
                    one["resource"]: one for version in item["versions"] for one in version["resources"]
                }
                if not resources & entries.keys():
                    continue
                for plural, entry in entries.items():
                    names = [
                        plural,
                        *(f"{plural}/{sub['subresource']}" for sub in entry.get("subresources", ())),
                    ]
                    may = set(entry["verbs"])
                    if plural in resources:
                        taken.append(_rbac(group, [plural], sorted(verbs)))
                        may -= verbs
                    rules.append(_rbac(group, names, sorted(may)))
        whole = [rule for group, rules in kept.items() for rule in rules or [_rbac(group, ["*"], ["*"])]]
        return [*whole, {"nonResourceURLs": ["*"], "verbs": ["*"]}], taken

    def _let(self, whole: list[Json], within: dict[str, list[Json]]) -> None:
        """Written, and known to the authorizer: a rule of no other use is asked for until it counts."""
        self._epoch += 1
        marks = {"": f"whole-{self._epoch}", **dict.fromkeys(within, f"within-{self._epoch}")}
        for namespace, rules in {"": whole, **within}.items():
            mark = _rbac("pointsman.test", [marks[namespace]], ["get"])
            self.admin.grant(self.user, [*rules, mark], namespace, "world")
        for namespace in self._scoped - within.keys():
            marks[namespace] = f"within-{self._epoch}"
            mark = _rbac("pointsman.test", [marks[namespace]], ["get"])
            self.admin.grant(self.user, [mark], namespace, "world")
        self._scoped = set(within)
        deadline = time.monotonic() + _WITHIN_S
        for namespace, mark in marks.items():
            while not self._may(namespace, mark):
                assert time.monotonic() < deadline, f"the rights of {self.user} in {namespace!r} do not count"
                time.sleep(0.02)

    def _may(self, namespace: str, resource: str) -> bool:
        asked = {"verb": "get", "group": "pointsman.test", "resource": resource, "namespace": namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": self.user, "resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.admin.ask("POST", path, json=review)["status"]["allowed"])

    async def token(self, lapses: bool = False) -> str:
        return await asyncio.to_thread(self._account_token, _SHORT_S if lapses else _LONG_S)

    async def lapse(self, token: str) -> None:
        await asyncio.to_thread(self._lapse, token)

    def _lapse(self, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        deadline = time.monotonic() + _SHORT_S + _WITHIN_S
        while self.admin.client.get("/version", headers=headers).status_code != 401:
            assert time.monotonic() < deadline, "the token is accepted for ever"
            # what was accepted is for ten seconds more (the server's cache)
            time.sleep(2.0)

    def _account_token(self, seconds: float) -> str:
        """Of a service account, signed as the API server itself would."""
        name = "short-lived"
        self.admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _in_default(name)})
        account = self.admin.get("v1", "ServiceAccount", "default", name)
        self.admin.apply(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"world-{name}"},
                "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            }
        )
        now = int(time.time())
        reference = {"name": name, "uid": account["metadata"]["uid"]}
        claims = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": f"system:serviceaccount:default:{name}",
            "iat": now - 2 * _LEEWAY_S,
            "nbf": now - 2 * _LEEWAY_S,
            "exp": now + int(seconds) - _LEEWAY_S,
            "kubernetes.io": {"namespace": "default", "serviceaccount": reference},
            "jti": f"{now}-{time.monotonic_ns()}",
        }
        return _signed(claims, (self.server.folder / "accounts.key").read_bytes())

    # -- what a server goes through --

    async def stop(self, gracefully: bool = False) -> None:
        if not gracefully:
            await asyncio.to_thread(self.server.stop, "apiserver", how=signal.SIGKILL)
            return
        self.server.ask_to_end("apiserver")
        deadline = time.monotonic() + _WITHIN_S
        while await self._listens():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def start(self) -> None:
        # what was asked to end may take a minute for its open watches
        if self.server.is_ending("apiserver"):
            await asyncio.to_thread(self.server.stop, "apiserver", how=signal.SIGKILL)
        await asyncio.to_thread(self.server.start)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def forget_history(self) -> None:
        # etcd forgets what is older than its last write, and the API server what it has in memory
        await self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": _in_default("later")})
        await asyncio.to_thread(self.server.compact)
        await self.stop()
        await self.start()

    async def freeze(self) -> None:
        self._frozen = True
        self.server.send("apiserver", signal.SIGSTOP)

    async def thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            self.server.send("apiserver", signal.SIGCONT)

    async def install_crds(self, bundle: Path) -> list[str]:
        self._as_newest = False
        return await asyncio.to_thread(self.admin.install_crds, bundle)

    async def remove_crds(self, names: Iterable[str]) -> None:
        self._as_newest = False
        await asyncio.to_thread(self.admin.remove_crds, list(names))

    # -- what was asked --

    async def asked(self) -> list[Question]:
        found: dict[str, Question] = {}
        for event in self.server.audit(since=self._mark):
            name = event["user"].get("username", "")
            # an open watch is told when it begins and once more when it ends
            if name in ("admin", "system:apiserver"):
                continue
            parts = urlsplit(event["requestURI"])
            form = event.get("responseObject", {}).get("kind", "")
            status = event.get("responseStatus", {}).get("code", 0)
            found[event["auditID"]] = Question(parts.path, parts.query, status, name, form)
        return list(found.values())

    # -- inside --

    def _sweep(self) -> None:
        self.admin.sweep()
        self._scoped = set()
        if self._as_newest:
            return
        wanted = {one["metadata"]["name"]: one for one in self.admin.definitions(self.newest)}
        installed = self.admin.ask("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        self.admin.remove_crds(
            one["metadata"]["name"]
            for one in installed["items"]
            if not _may_become(one, wanted.get(one["metadata"]["name"]))
        )
        self.admin.apply_crds(list(wanted.values()))
        self._as_newest = True


def _may_become(installed: Json, wanted: Json | None) -> bool:
    """Whether a CRD can be changed into another: every version that was ever stored must stay."""
    versions = {one["name"] for one in wanted["spec"]["versions"]} if wanted else set()
    return bool(versions) and set(installed["status"].get("storedVersions") or ()) <= versions


_KNOWN_VERSIONS = {
    "Gateway": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "Service": "v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
}


def _rule(grant: Grant) -> Json:
    return {"apiGroups": list(grant.groups), "resources": list(grant.resources), "verbs": list(grant.verbs)}


def _rbac(group: str, resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _in_default(name: str) -> Json:
    return {"name": name, "namespace": "default"}


def _signed(claims: Json, key_pem: bytes) -> str:
    """A JSON web token (RFC 7519) with RS256."""
    key = serialization.load_pem_private_key(key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    said = b".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return b".".join((said, _base64(key.sign(said, padding.PKCS1v15(), hashes.SHA256())))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
