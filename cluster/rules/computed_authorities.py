"""References to CA certificates: of a Gateway's frontend validation and of a BackendTLSPolicy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..objects import GrantFrom, Listener
from ..refs import ObjectRef
from ..text import clean
from .computed import Doubt
from .semantics import grant_allows
from .topology import Topology


@dataclass(frozen=True, slots=True)
class Words:
    """The reasons that one kind of holder uses: listeners and policies name the same faults differently."""

    missing: str
    wrong_kind: str


LISTENER_WORDS = Words("InvalidCACertificateRef", "InvalidCACertificateKind")
POLICY_WORDS = Words("InvalidCACertificateRef", "InvalidKind")


@dataclass(frozen=True, slots=True)
class Authorities:
    """What became of a list of CA references: the doubts, and whether all of them are surely bad."""

    doubts: tuple[Doubt, ...] = ()
    all_bad: bool = False
    unsure: bool = False


def judge_authorities(
    topology: Topology, owner: ObjectRef, references: Iterable[object], words: Words
) -> Authorities:
    """The fate of each CA reference.

    API: caCertificateRefs. Support Core: a ConfigMap with ``ca.crt``; whether a Secret serves is each
    controller's own affair, and of what is inside nothing is read here.
    """
    found = [_one(topology, owner, one, words) for one in references if isinstance(one, Mapping)]
    doubts = tuple(one for one in found if one is not None)
    return Authorities(
        doubts,
        all_bad=bool(found) and all(one is not None and one.certain for one in found),
        unsure=any(not one.certain for one in doubts),
    )


def _one(topology: Topology, owner: ObjectRef, reference: Mapping[str, Any], words: Words) -> Doubt | None:
    group, kind = str(reference.get("group") or ""), str(reference.get("kind") or "")
    namespace = str(reference.get("namespace") or owner.namespace)
    target = ObjectRef(kind, namespace, str(reference.get("name") or ""), group=group)
    shown = clean(target, 200)
    if group or kind not in ("ConfigMap", "Secret"):
        if kind == "ClusterTrustBundle":
            return Doubt(words.missing, f"{shown}: only some controllers take that kind", certain=False)
        return Doubt(words.wrong_kind, f"{shown} cannot hold CA certificates")
    refused = grant_doubt(topology, owner, target)
    if refused is not None:
        return refused
    snapshot = topology.snapshot
    if kind == "Secret":
        # asked for by type kubernetes.io/tls alone, so one that is not there may still exist
        if target in snapshot.secrets:
            return Doubt(words.missing, f"{shown}: only its controller can say what it holds", certain=False)
        surely = snapshot.offline and snapshot.state_of("Secret").knows(namespace)
        return Doubt(words.missing, f"{shown}: not found", certain=surely, absent=True)
    authority = snapshot.config_maps.get(target)
    if authority is not None:
        return (
            None if authority.has_authority else Doubt(words.missing, f"{shown} has no certificate in ca.crt")
        )
    if snapshot.state_of("ConfigMap").knows(namespace):
        return Doubt(words.missing, f"{shown} does not exist", absent=True)
    return Doubt(words.missing, f"{shown}: ConfigMaps are not read", certain=False)


def grant_doubt(topology: Topology, owner: ObjectRef, target: ObjectRef) -> Doubt | None:
    """What a missing ReferenceGrant has against a reference from ``owner`` to ``target`` (GEP-709)."""
    source = GrantFrom(owner.group, owner.kind, owner.namespace)
    grants = topology.grants_in(target.namespace)
    if grant_allows(
        grants,
        source.group,
        source.kind,
        source.namespace,
        target.group,
        target.kind,
        target.namespace,
        target.name,
    ):
        return None
    if topology.snapshot.state_of("ReferenceGrant").knows(target.namespace):
        return Doubt("RefNotPermitted", f"no ReferenceGrant in {clean(target.namespace, 100)} allows it")
    return Doubt("RefNotPermitted", "ReferenceGrants could not be read", certain=False)


def frontend_validation(tls: Mapping[str, Any] | None, listener: Listener) -> Mapping[str, Any]:
    """The client validation of Gateway.spec.tls that applies to a listener; empty where none does.

    API: GatewayTLSConfig.frontend: that of the listener's port, else the default; only HTTPS has clients'
    certificates to validate.
    """
    frontend = (tls or {}).get("frontend")
    if listener.protocol != "HTTPS" or not isinstance(frontend, Mapping):
        return {}
    chosen: object = frontend.get("default")
    for entry in frontend.get("perPort") or ():
        if isinstance(entry, Mapping) and entry.get("port") == listener.port:
            chosen = entry.get("tls")
    validation = chosen.get("validation") if isinstance(chosen, Mapping) else None
    return validation if isinstance(validation, Mapping) else {}
