"""The two servers of a transcript, the real one and the practice one, with the same kinds and objects."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from live_admin import Admin
from live_apiserver import LiveServer
from pointsman.sandbox.apiserver import ApiServer, Rule, Storage, User
from pointsman.sandbox.apiserver.kubeconfig import kubeconfig_text, write_private
from pointsman.sandbox.pki import PracticeCa
from pointsman.sandbox.scenario import load_scenario
from pointsman.sandbox.scenario_expand import expand, fill_secret

Json = dict[str, Any]
# one that may read the Gateway API in one namespace, and nothing else
READER = "user-0"
READER_RULES: list[Json] = [
    {
        "apiGroups": ["gateway.networking.k8s.io"],
        "resources": ["gateways", "httproutes"],
        "verbs": ["get", "list", "watch"],
    }
]
READER_NAMESPACE = "shop"


@dataclass(frozen=True)
class Spoken:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass
class Side:
    """One of the two, as kubectl and as an HTTP client see it."""

    name: str
    url: str
    root_pem: bytes
    tokens: dict[str, str]
    folder: Path
    _clients: dict[str, httpx.Client] = field(default_factory=dict, repr=False)

    def kubectl(self, *words: str, stdin: str = "", user: str = "admin", timeout_s: float = 30) -> Spoken:
        done = subprocess.run(
            ["kubectl", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.environment(user),
            cwd=self.folder,
        )
        return Spoken(done.returncode, done.stdout, done.stderr)

    def environment(self, user: str = "admin") -> dict[str, str]:
        """For a kubectl of its own: nothing that it found out of the other side is believed here."""
        kubeconfig = self.folder / f"{user}.kubeconfig"
        if not kubeconfig.exists():
            write_private(kubeconfig, kubeconfig_text(self.url, self.root_pem, self.tokens[user]))
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(self.folder / "cache"),
            "LC_ALL": "C",
            "TZ": "UTC",
            "KUBECTL_EXTERNAL_DIFF": "diff -u -N --label live --label merged",
        }

    def client(self, user: str = "admin", timeout_s: float = 30.0) -> httpx.Client:
        """With the user's token; closed with the side."""
        if user not in self._clients:
            context = ssl.create_default_context(cadata=self.root_pem.decode())
            headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
            self._clients[user] = httpx.Client(
                base_url=self.url, headers=headers, verify=context, timeout=timeout_s
            )
        return self._clients[user]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@contextlib.contextmanager
def practice_side(folder: Path) -> Iterator[Side]:
    """The practice server in a thread of its own, with only those kinds of its own that are in both."""
    folder.mkdir()
    authority = PracticeCa()
    files = authority.issue(["localhost", "127.0.0.1"]).write(folder, "serving")
    storage = Storage()
    for one in storage.list("CustomResourceDefinition"):
        storage.delete("CustomResourceDefinition", None, one["metadata"]["name"])
    tokens = {name: secrets.token_hex(16) for name in ("admin", READER)}
    server = ApiServer(storage, files.chain_file, files.key_file, tokens["admin"])
    server.policy.anonymous = True
    everybody = "system:authenticated"
    server.policy.users[tokens["admin"]] = User("admin", ("system:masters", everybody), (Rule(),))
    server.policy.users[tokens[READER]] = User(
        READER,
        (everybody,),
        tuple(
            Rule(
                tuple(one["verbs"]),
                tuple(one["resources"]),
                tuple(one["apiGroups"]),
                namespaces=(READER_NAMESPACE,),
            )
            for one in READER_RULES
        ),
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    run = asyncio.run_coroutine_threadsafe
    try:
        run(server.start(), loop).result(10)
        side = Side("practice", server.url, authority.root_pem, {**tokens, "": ""}, folder)
        try:
            yield side
        finally:
            side.close()
            run(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def real_side(server: LiveServer, admin: Admin, folder: Path) -> Iterator[Side]:
    """The real server as it stands, with a reader who has the same few rights."""
    folder.mkdir()
    admin.namespace(READER_NAMESPACE)
    admin.grant(READER, READER_RULES, READER_NAMESPACE)
    tokens = {name: server.token(name) for name in ("admin", READER)}
    side = Side("real", server.url, server.authority.root_pem, {**tokens, "": ""}, folder)
    try:
        yield side
    finally:
        side.close()


def fill(admin: Admin, documents: list[Json]) -> None:
    """Apply everything; the namespaces keep their labels."""
    for one in documents:
        if one["kind"] == "Namespace":
            admin.namespace(one["metadata"]["name"], **one["metadata"].get("labels", {}))
        else:
            admin.apply(one)


def the_shop() -> list[Json]:
    """The objects of the practice world, without the kinds of Envoy Gateway, whose CRDs are not at hand.

    Nor with the Gateway whose listeners conflict: a CEL rule of the official CRD refuses it.
    """
    values = {"old_address": "127.0.0.2", "new_address": "127.0.0.3", "ca_pem": "practice"}
    scenario = load_scenario("shop", values)
    documents = expand([*scenario.documents, *scenario.edits])
    return [
        fill_secret(one, b"practice") if one.get("type") == "kubernetes.io/tls" else one
        for one in documents
        if not one["apiVersion"].startswith("gateway.envoyproxy.io/")
        and (one["kind"], one["metadata"]["name"]) != ("Gateway", "edge")
    ]
