"""From bytes or parsed documents to Structs; what cannot be read is listed as Undecodable, never lost."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from .kinds import EXPERIMENTAL_GROUP, KindSpec, kind_spec, policy_spec
from .knowledge.policy_kinds import policy_kind
from .kubernetes_objects import Crd, CrdVersion
from .objects import Meta, Object, Undecodable
from .refs import GATEWAY_GROUP, ObjectRef
from .repeated import one_copy
from .text import clean
from .typed import LEARNING, convert

_MAX_DEPTH = 60
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._:-]{0,317}")


_decoders: dict[type[Object], msgspec.json.Decoder[Object]] = {}


def _decoder(struct: type[Object]) -> msgspec.json.Decoder[Object]:
    found = _decoders.get(struct)
    if found is None:
        with LEARNING:
            found = _decoders[struct] = msgspec.json.Decoder(struct, strict=False)
    return found


class _Page(msgspec.Struct, rename="camel"):
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


_PAGES = msgspec.json.Decoder(_Page)
_EVENTS = msgspec.json.Decoder(_Event)


def decode_list(spec: KindSpec, api_version: str, body: bytes) -> tuple[list[tuple[str, Object]], str, str]:
    """One page of a list: its objects with their parts, the continue token, the resourceVersion.

    Raises msgspec.DecodeError where the body is no list at all.
    """
    page = _PAGES.decode(body)
    objects = [decode_object(spec, api_version, raw) for raw in page.items or ()]
    return objects, str(page.metadata.get("continue") or ""), str(page.metadata.get("resourceVersion") or "")


def decode_event(line: bytes) -> tuple[str, msgspec.Raw]:
    """One line of a watch: its type and the object, not yet decoded."""
    event = _EVENTS.decode(line)
    return event.type, event.object


def decode_object(spec: KindSpec, api_version: str, raw: bytes | msgspec.Raw) -> tuple[str, Object]:
    """One object of a known kind, with the part it belongs to."""
    try:
        return spec.part, _finish(spec, api_version, _decoder(spec.struct).decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _second_try(spec, api_version, lambda: msgspec.json.decode(raw), error)


def decode_document(document: Mapping[str, Any]) -> tuple[str, Object] | None:
    """One parsed document, or None for a kind that Pointsman does not read."""
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return None
    spec = kind_spec(api_version.rpartition("/")[0], kind) or _offline_policy(api_version, kind, document)
    if spec is None:
        return None
    return _second_try(spec, api_version, lambda: document, None)


def unroll(documents: Iterable[object]) -> Iterator[Mapping[str, Any]]:
    """Every object of ``documents``, those inside List kinds too."""
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        items = document.get("items")
        if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
            yield from unroll(items)
        else:
            yield document


def _offline_policy(api_version: str, kind: str, document: Mapping[str, Any]) -> KindSpec | None:
    # no discovery to ask: an object that targets something, or reports as policies do, is a policy
    group = api_version.rpartition("/")[0]
    specification, status = document.get("spec"), document.get("status")
    targets = isinstance(specification, Mapping) and any(
        key in specification for key in ("targetRef", "targetRefs", "targetSelectors")
    )
    reports = isinstance(status, Mapping) and ("ancestors" in status or "conditions" in status)
    if group in ("", "apps") or not (targets or reports or policy_kind(group, kind)):
        return None
    return policy_spec(group, kind, f"{kind.lower()}s")


def _second_try(
    spec: KindSpec, api_version: str, load: Callable[[], object], first_error: Exception | None
) -> tuple[str, Object]:
    problem: Exception | None = first_error
    document: object = None
    # converting must not be what learns the type first: see there
    _decoder(spec.struct)
    try:
        document = plain(load())
        return spec.part, _finish(spec, api_version, convert(document, spec.struct, strict=False))
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        problem = problem or error
    return "undecodable", Undecodable(
        api_version=clean(api_version, 100),
        kind=clean(spec.kind, 100),
        metadata=_meta_of(document),
        problem=clean(problem, 200),
    )


def _meta_of(document: object) -> Meta:
    metadata = document.get("metadata") if isinstance(document, Mapping) else None
    if not isinstance(metadata, Mapping):
        return Meta(name="(unreadable)")
    wanted = ("name", "namespace", "generateName", "uid", "resourceVersion")
    return convert({key: clean(metadata[key], 253) for key in wanted if key in metadata}, Meta)


def _finish(spec: KindSpec, api_version: str, obj: Object) -> Object:
    meta = obj.metadata
    group = one_copy(api_version.rpartition("/")[0])
    ref = ObjectRef(spec.kind, meta.namespace, meta.name or meta.generate_name, group=group)
    # items of a list carry neither kind nor apiVersion; metadata-only items carry another kind's
    obj = msgspec.structs.replace(obj, kind=spec.kind, api_version=api_version, known_ref=ref)
    if isinstance(obj, Crd):
        obj = slim_crd(obj)
    if not all(_PLAIN_NAME.fullmatch(part) for part in (ref.kind, ref.namespace, ref.name, ref.group)):
        # no API server lets such a name through; so that every ref in a Snapshot is safe to show
        raise ValueError("its name, namespace or kind holds characters that Kubernetes forbids")
    return obj


def plain(value: object, depth: int = 0) -> object:
    """The same document with nulls dropped and YAML's timestamps as text again.

    A null means "not set" to an API server. Raises ValueError beyond a depth no real object has.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value if item is not None]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return value


# --- CRDs ----------------------------------------------------------------------------------------

POLICY_LABEL = "gateway.networking.k8s.io/policy"
_POLICY_MARK = "pointsman.internal/policy"


def slim_crd(crd: Crd) -> Crd:
    """The CRD without its schema (a megabyte for some), but with the mark whether it is a policy."""
    looks = any(_schema_is_policy(version.schema) for version in crd.spec.versions)
    versions = tuple(CrdVersion(name=v.name, served=v.served, storage=v.storage) for v in crd.spec.versions)
    labels = {**crd.meta.labels, _POLICY_MARK: "schema"} if looks else crd.meta.labels
    return msgspec.structs.replace(
        crd,
        spec=msgspec.structs.replace(crd.spec, versions=versions),
        metadata=msgspec.structs.replace(crd.metadata, labels=labels),
    )


def is_policy(crd: Crd) -> bool:
    """Whether a CRD defines a policy: by its label (any case) or by what its schema offers (GEP-713)."""
    if crd.spec.group in (EXPERIMENTAL_GROUP, GATEWAY_GROUP) and not crd.spec.names.kind.endswith("Policy"):
        return False
    return POLICY_LABEL in crd.meta.labels or _POLICY_MARK in crd.meta.labels


def _schema_is_policy(schema: object) -> bool:
    properties = _dig(schema, "openAPIV3Schema", "properties")
    in_spec = _dig(properties, "spec", "properties")
    in_status = _dig(properties, "status", "properties")
    return any(key in in_spec for key in ("targetRef", "targetRefs", "targetSelectors")) or (
        "ancestors" in in_status
    )


def _dig(value: object, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
