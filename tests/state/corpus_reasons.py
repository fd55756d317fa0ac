"""Why an object of the corpus may be called FAIL though none of its own conditions is bad.

Worked out from the raw YAML alone: what no controller says in the object's own status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from corpus_truth import is_bad
from pointsman.cluster.refs import ObjectRef

Document = dict[str, Any]


def ref_of(document: Document) -> ObjectRef:
    """The object as the subject of a finding."""
    metadata = document["metadata"]
    name = metadata.get("name") or metadata.get("generateName") or ""
    group = document["apiVersion"].rpartition("/")[0]
    return ObjectRef(document["kind"], metadata.get("namespace") or "", name, group=group)


def conditions_of(document: Document) -> list[dict[str, Any]]:
    """All conditions in an object's status, wherever they stand."""
    status = document.get("status")
    if not isinstance(status, dict) or "/" not in str(document.get("apiVersion")):
        return []
    entries = [one for key in ("parents", "ancestors", "listeners") for one in status.get(key) or ()]
    return [one for holder in (status, *entries) for one in holder.get("conditions") or ()]


def reasons(docs: Iterable[Document], document: Document) -> set[str]:
    """The rules that may call a healthy looking object FAIL."""
    docs = list(docs)
    found = set()
    if any(one["type"] == "Invalid" and one["status"] == "False" for one in conditions_of(document)):
        found.add("GW410")  # type and reason swapped: a rejection
    if str(document["kind"]).endswith("Route"):
        parents = list(_parents(docs, document))
        if any(parent is None for _, parent in parents):
            found.add("GW107")
        if any(
            parent is not None and _carries_nothing(docs, document["kind"], ref, parent)
            for ref, parent in parents
        ):
            found.add("GW111")
        if any(_without_endpoints(docs, document, backend) for backend in _backends(document)):
            found.add("GW106")
    return found


def _parents(docs: list[Document], route: Document) -> Iterator[tuple[Document, Document | None]]:
    for ref in route["spec"].get("parentRefs") or ():
        kind = ref.get("kind", "Gateway")
        if kind in ("Gateway", "ListenerSet", "XListenerSet"):
            namespace = ref.get("namespace") or route["metadata"].get("namespace")
            yield ref, _find(docs, kind, namespace, ref["name"])


def _find(docs: list[Document], kind: str, namespace: str | None, name: str) -> Document | None:
    for one in docs:
        metadata = one.get("metadata") or {}
        if one.get("kind") == kind and (metadata.get("namespace"), metadata.get("name")) == (namespace, name):
            return one
    return None


_PROTOCOLS = {
    "HTTPRoute": ("HTTP", "HTTPS"),
    "GRPCRoute": ("HTTP", "HTTPS"),
    "TLSRoute": ("TLS",),
    "TCPRoute": ("TCP", "TLS"),
    "UDPRoute": ("UDP",),
}


def _carries_nothing(docs: list[Document], kind: str, ref: Document, parent: Document) -> bool:
    """The parent, or its Gateway, is refused, or each listener that the parentRef means has a bad sign."""
    if _refused(parent):
        return True
    above = parent["spec"].get("parentRef")
    if above is not None:
        namespace = above.get("namespace") or parent["metadata"].get("namespace")
        gateway = _find(docs, "Gateway", namespace, above["name"])
        if gateway is not None and _refused(gateway):
            return True
    said = {one["name"]: one for one in parent.get("status", {}).get("listeners") or ()}
    meant = [
        said[one["name"]]
        for one in parent["spec"].get("listeners") or ()
        if ref.get("sectionName") in (None, one["name"])
        and ref.get("port") in (None, one["port"])
        and one["name"] in said
        and one["protocol"] in _PROTOCOLS[kind]
    ]
    dead = [one for one in meant if any(is_bad(each) for each in one.get("conditions") or ())]
    return bool(meant) and len(dead) == len(meant)


def _refused(document: Document) -> bool:
    return any(
        one["type"] in ("Accepted", "Programmed") and one["status"] == "False"
        for one in document.get("status", {}).get("conditions") or ()
    )


def _backends(route: Document) -> Iterator[Document]:
    for rule in route["spec"].get("rules") or ():
        yield from rule.get("backendRefs") or ()


def _without_endpoints(docs: list[Document], route: Document, backend: Document) -> bool:
    if backend.get("kind", "Service") != "Service":
        return False
    namespace = backend.get("namespace") or route["metadata"].get("namespace")
    service = _find(docs, "Service", namespace, backend["name"])
    slices = [one for one in docs if one.get("kind") == "EndpointSlice"]
    own = [
        one
        for one in slices
        if one["metadata"].get("namespace") == namespace
        and (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == backend["name"]
    ]
    ready = [
        each
        for one in own
        for each in one.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready") is not False
    ]
    return bool(service and slices) and not ready
