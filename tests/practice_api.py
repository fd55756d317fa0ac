"""The practice server as a World of api_worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import yaml
from api_worlds import EVERYTHING, Grant, Json, Key, Question, Undo
from live_helpers import Practice
from pointsman.sandbox.apiserver.access import ADMINISTRATOR, Rule, User
from pointsman.sandbox.apiserver.server import Asked

_TOKEN = "a-user-token-0123456789"


class PracticeWorld:
    """Everything happens in the event loop of the test."""

    name: Literal["practice", "real"] = "practice"
    user = "jo"
    patience = 1.0

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.ca_pem = practice.ca_pem
        self.kubeconfig = practice.kubeconfig
        self._port = practice.port
        self._tokens = 0
        self._grants: tuple[Grant, ...] = (EVERYTHING,)
        practice.server.write_kubeconfig(self.kubeconfig, self.ca_pem, _TOKEN)
        self._let_in()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    async def apply(self, *documents: Json) -> None:
        for document in documents:
            self.practice.storage.apply(document)

    async def delete(self, kind: str, namespace: str | None, name: str) -> None:
        self.practice.storage.delete(kind, namespace, name)

    async def get(self, kind: str, namespace: str | None, name: str) -> Json | None:
        return self.practice.storage.get(kind, namespace, name)

    async def held(self, kinds: Iterable[str]) -> dict[Key, str]:
        wanted = frozenset(kinds)
        storage = self.practice.storage
        return {
            (resource.kind, stored.namespace, stored.name): str(stored.version)
            for resource in storage.registry
            if resource.kind in wanted
            for stored in storage.all_of(resource)
        }

    async def rights(self, *grants: Grant) -> None:
        self._grants = grants
        self._let_in()

    async def deny(
        self, verbs: Sequence[str], resources: Sequence[str], namespaces: Sequence[str] = ()
    ) -> Undo:
        allow = self.practice.server.policy.deny(verbs, resources, namespaces=namespaces, user=self.user)

        async def undo() -> None:
            allow()

        return undo

    async def token(self, lapses: bool = False) -> str:
        users = self.practice.server.policy.users
        self._tokens += 1
        token = f"one-of-several-{self._tokens}-0123456789"
        users[token] = ADMINISTRATOR
        return token

    async def lapse(self, token: str) -> None:
        del self.practice.server.policy.users[token]

    async def stop(self, gracefully: bool = False) -> None:
        if gracefully:
            await self.practice.server.retire()
        else:
            await self.practice.server.kill()

    async def start(self) -> None:
        await self.practice.server.stop()
        await self.practice.server.start(port=self._port)

    async def forget_history(self) -> None:
        await self.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": "default"}}
        )
        self.practice.storage.compact()

    async def freeze(self) -> None:
        self.practice.server.faults.frozen = True

    async def thaw(self) -> None:
        self.practice.server.faults.frozen = False

    async def install_crds(self, bundle: Path) -> list[str]:
        documents = await asyncio.to_thread(_definitions, bundle)
        for document in documents:
            self.practice.storage.apply(document)
        return [one["metadata"]["name"] for one in documents]

    async def remove_crds(self, names: Iterable[str]) -> None:
        for name in names:
            self.practice.storage.delete("CustomResourceDefinition", None, name)

    async def asked(self) -> list[Question]:
        return [
            Question(one.path, one.query, one.status, one.user, _form(one))
            for one in self.practice.server.requests
        ]

    def _let_in(self) -> None:
        rules = tuple(Rule(one.verbs, one.resources, one.groups, one.namespaces) for one in self._grants)
        self.practice.server.policy.users[_TOKEN] = User(self.user, rules=rules)


def _definitions(bundle: Path) -> list[Json]:
    documents = [
        one
        for file in sorted(bundle.glob("*.yaml"))
        for one in yaml.load_all(file.read_text(), yaml.CSafeLoader)
    ]
    return [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]


def _form(asked: Asked) -> str:
    if not asked.path.endswith("/secrets"):
        return ""
    return "PartialObjectMetadataList" if "as=PartialObjectMetadataList" in asked.accept else "SecretList"
