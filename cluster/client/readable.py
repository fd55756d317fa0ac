"""Which namespaces may be read where the whole cluster may not: asked of the API server, within bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from ..errors import ApiError
from ..text import clean
from .connect import JSON, Connection
from .discovery import ServedKind
from .parallel import in_parallel

# how many namespaces are asked about, and in how many of those whose answer is incomplete each kind is
# asked for
MOST_NAMESPACES = 50
_MOST_UNSURE = 10
_METADATA_LIST = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_REVIEWS = "/apis/authorization.k8s.io/v1"
_TIMEOUT_S = 10.0

Rules = tuple[dict[str, Any], ...]


class Readable:
    """The namespaces in which this user may list a kind; what was answered is kept for ``keep_s`` seconds.

    Where ``given`` names namespaces these are taken as they are. Else the context's own and all others that
    can be listed (the first 50) are asked about with a SelfSubjectRulesReview each, which needs no rights.
    https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
    """

    def __init__(
        self, connection: Connection, given: tuple[str, ...] | None = None, keep_s: float = 45.0
    ) -> None:
        self._connection = connection
        self._given = given
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._rules: dict[str, tuple[Rules, bool]] = {}
        self._note = ""

    def namespaces(self, kind: ServedKind) -> tuple[tuple[str, ...], str]:
        """The namespaces, and one line where not all could be asked about. Never raises for a refusal."""
        if self._given:
            return self._given, ""
        with self._lock:
            if time.monotonic() - self._asked_at > self._keep_s:
                self._ask()
            rules, note = dict(self._rules), self._note
        sure = [name for name, (known, _) in rules.items() if _may_list(known, kind)]
        unsure = [name for name, (_, whole) in rules.items() if not whole and name not in sure]
        asked = unsure[:_MOST_UNSURE]
        answers = in_parallel(lambda name: self._may(name, kind), asked)
        return (*sure, *(name for name, may in zip(asked, answers, strict=True) if may)), note

    def _ask(self) -> None:
        own = self._connection.namespace
        names = [own, *(name for name in self._listed() if name != own)]
        self._note = ""
        if len(names) > MOST_NAMESPACES:
            self._note = (
                f"{MOST_NAMESPACES} of {len(names)} namespaces were tried; name others with --namespace"
            )
        names = names[:MOST_NAMESPACES]
        self._rules = dict(zip(names, in_parallel(self._rules_in, names), strict=True))
        self._asked_at = time.monotonic()

    def _listed(self) -> list[str]:
        names: list[str] = []
        token = ""
        try:
            while True:
                params = {"limit": "500"} | ({"continue": token} if token else {})
                body = self._connection.request(
                    "GET", "/api/v1/namespaces", params, accept=_METADATA_LIST, timeout_s=_TIMEOUT_S
                )
                document = msgspec.json.decode(body)
                names += [str(item["metadata"]["name"]) for item in document.get("items") or ()]
                token = str(document["metadata"].get("continue") or "")
                if not token:
                    return sorted(names)
        except (ApiError, msgspec.DecodeError, LookupError, TypeError, AttributeError):
            return sorted(names)

    def _rules_in(self, namespace: str) -> tuple[Rules, bool]:
        status = self._review("SelfSubjectRulesReview", {"namespace": namespace})
        rules = status.get("resourceRules")
        known = tuple(rule for rule in rules if isinstance(rule, dict)) if isinstance(rules, list) else ()
        return known, bool(status) and not status.get("incomplete")

    def _may(self, namespace: str, kind: ServedKind) -> bool:
        asked = {"verb": "list", "group": kind.group, "resource": kind.plural, "namespace": namespace}
        return bool(self._review("SelfSubjectAccessReview", {"resourceAttributes": asked}).get("allowed"))

    def _review(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """The status of the answer; empty where none can be had, which allows nothing."""
        document = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        try:
            body = self._connection.request(
                "POST",
                f"{_REVIEWS}/{kind.lower()}s",
                body=msgspec.json.encode(document),
                content_type=JSON,
                timeout_s=_TIMEOUT_S,
            )
            answer = msgspec.json.decode(body)
        except (ApiError, msgspec.DecodeError):
            return {}
        status = answer.get("status") if isinstance(answer, dict) else None
        return status if isinstance(status, dict) else {}


def _may_list(rules: Rules, kind: ServedKind) -> bool:
    return any(
        _covers(rule, "verbs", "list")
        and _covers(rule, "apiGroups", kind.group)
        and _covers(rule, "resources", kind.plural)
        # a rule for single names lets nobody list
        and not rule.get("resourceNames")
        for rule in rules
    )


def _covers(rule: dict[str, Any], name: str, wanted: str) -> bool:
    return any(word in ("*", wanted) for word in _words(rule.get(name)))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (clean(word, 253) for word in value)
