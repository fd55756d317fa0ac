"""The permission manifests of docs/: bound to a user, taken apart right by right; and what was asked then."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from live_admin import Admin
from live_apiserver import LiveServer
from pointsman.cluster.refs import ObjectRef
from rights_world import RunningWorld

Json = dict[str, Any]
PERMISSIONS = Path(__file__).resolve().parents[3] / "docs" / "permissions"
GROUP = "rbac.authorization.k8s.io"
READING = frozenset({"get", "list", "watch"})
# what everybody may do: system:basic-user, system:discovery, system:public-info-viewer
ASKING_ONESELF = frozenset(
    {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"},
)


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource (``pods/proxy``) of one group, as a manifest grants it in ``where``."""

    group: str
    resource: str
    verb: str
    where: str = ""

    def __str__(self) -> str:
        named = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {named}" + (f" in {self.where}" if self.where else "")


def documents(*files: str, user: str = "NAME", namespace: str = "") -> list[Json]:
    """The documents of manifests as they stand, with the name put in, and another namespace for ``shop``."""
    found: list[Json] = []
    for file in files:
        text = (PERMISSIONS / file).read_text().replace("NAME", user)
        text = text.replace("namespace: shop", f"namespace: {namespace}") if namespace else text
        found += yaml.safe_load_all(text)
    return found


def rights_of(roles: Iterable[Json]) -> Iterator[Right]:
    """Every right that the roles among documents grant."""
    for role in roles:
        for rule in role.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield Right(group, resource, verb, role["metadata"].get("namespace", ""))


def without(roles: Iterable[Json], *taken: Right) -> list[Json]:
    """The same documents, each right on its own, but for those."""
    result = []
    for document in roles:
        one = copy.deepcopy(document)
        if "rules" in one:
            kept = [right for right in rights_of([one]) if right not in taken]
            one["rules"] = [
                {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
                for right in kept
            ]
        result.append(one)
    return result


class Clerk:
    """Gives rights to users, each under names of its own, and waits until the server knows them."""

    def __init__(self, server: LiveServer, admin: Admin) -> None:
        self.server, self.admin = server, admin

    def let(self, user: str, manifests: Iterable[Json]) -> None:
        """The manifests for this user and no other rights: whatever it had is taken away first."""
        self.forget(user)
        for document in manifests:
            one = copy.deepcopy(document)
            one["metadata"]["name"] += f"-{user}"
            one["metadata"]["labels"] = {"for": user}
            if "roleRef" in one:
                one["roleRef"]["name"] += f"-{user}"
                assert [subject["name"] for subject in one["subjects"]] == [user]
            self.admin.apply(one)
        self.wait(user, set(rights_of(manifests)))

    def forget(self, user: str) -> None:
        """Take away all that `let` gave."""
        root = f"/apis/{GROUP}/v1"
        selector = {"labelSelector": f"for={user}"}
        for kind in ("clusterrolebindings", "clusterroles", "rolebindings", "roles"):
            for one in self.admin.ask("GET", f"{root}/{kind}", params=selector)["items"]:
                meta = one["metadata"]
                inside = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
                self.admin.ask("DELETE", f"{root}{inside}/{kind}/{meta['name']}")

    def wait(self, user: str, rights: set[Right], within_s: float = 10.0) -> None:
        """Until the server's authorizer has seen the roles, all of them and no older ones."""
        wanted: dict[str, set[tuple[str, str, str]]] = {right.where: set() for right in rights}
        for right in rights:
            wanted[right.where].add((right.group, right.resource, right.verb))
        deadline = time.monotonic() + within_s
        with self.server.client(user) as client:
            for where, those in wanted.items():
                while (told := _told_rights(client, where or "nowhere")) != those | (
                    wanted.get("", set()) if where else set()
                ):
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"{user} has {told ^ those} too much or too little in {where}")
                    time.sleep(0.02)


def _told_rights(client: httpx.Client, namespace: str) -> set[tuple[str, str, str]]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json=review)
    return {
        (group, resource, verb)
        for rule in answer.json()["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource not in ASKING_ONESELF
    }


@dataclass(frozen=True, slots=True)
class Scene:
    """``samples`` is one object of every kind that there is."""

    server: LiveServer
    admin: Admin
    clerk: Clerk
    world: RunningWorld
    samples: tuple[ObjectRef, ...]


# -- the audit log


def asked(events: Iterable[Json]) -> Counter[Right]:
    """What was asked of resources, and how often; reviews of one's own rights are not counted."""
    return Counter(right for event in events if (right := right_of(event)).resource not in ASKING_ONESELF)


def refused(events: Iterable[Json]) -> set[Right]:
    """What was asked and forbidden."""
    return {right_of(event) for event in events if event["responseStatus"].get("code") == 403}


def right_of(event: Json) -> Right:
    """The right that a request of the audit log needs; of none for what is no resource (/version, /apis)."""
    about = event.get("objectRef")
    if about is None:
        return Right("", event["requestURI"].partition("?")[0], event["verb"])
    resource = about["resource"] + (f"/{about['subresource']}" if about.get("subresource") else "")
    return Right(about.get("apiGroup", ""), resource, event["verb"], about.get("namespace", ""))
