"""Request bodies in the Kubernetes protobuf encoding, for the few kinds that kubectl sends in no other way.

Answers are always JSON, which every client of this encoding accepts too. The field numbers are those of the
`generated.proto` files of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_DEEPEST = 16


class ProtobufError(ValueError):
    """The body is not what its media type says, or of a kind that is not understood here."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its JSON name, and how to read it.

    `kind` is "text", "int", "int or text", "map", "bytes map" or the name of a message.
    """

    name: str
    kind: str = "text"
    many: bool = False


Message = dict[int, Field]


def _texts(*names: str) -> Message:
    return {number: Field(name) for number, name in enumerate(names, 1)}


_OBJECT: Message = {1: Field("metadata", "ObjectMeta")}
MESSAGES: dict[str, Message] = {
    "Unknown": {1: Field("typeMeta", "TypeMeta"), 2: Field("raw", "raw")},
    "TypeMeta": _texts("apiVersion", "kind"),
    "ObjectMeta": {
        1: Field("name"),
        2: Field("generateName"),
        3: Field("namespace"),
        5: Field("uid"),
        6: Field("resourceVersion"),
        11: Field("labels", "map"),
        12: Field("annotations", "map"),
        14: Field("finalizers", many=True),
    },
    "SelfSubjectReview": _OBJECT,
    "SelfSubjectAccessReview": _OBJECT | {2: Field("spec", "AccessSpec")},
    "AccessSpec": {
        1: Field("resourceAttributes", "ResourceAttributes"),
        2: Field("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": _texts("namespace", "verb", "group", "version", "resource", "subresource", "name"),
    "NonResourceAttributes": _texts("path", "verb"),
    "SelfSubjectRulesReview": _OBJECT | {2: Field("spec", "RulesSpec")},
    "RulesSpec": _texts("namespace"),
    "Namespace": _OBJECT,
    "ServiceAccount": _OBJECT,
    "ConfigMap": _OBJECT | {2: Field("data", "map"), 3: Field("binaryData", "bytes map")},
    "Secret": _OBJECT | {2: Field("data", "bytes map"), 3: Field("type"), 4: Field("stringData", "map")},
    "Ingress": _OBJECT | {2: Field("spec", "IngressSpec")},
    "IngressSpec": {
        1: Field("defaultBackend", "IngressBackend"),
        2: Field("tls", "IngressTLS", many=True),
        3: Field("rules", "IngressRule", many=True),
        4: Field("ingressClassName"),
    },
    "IngressTLS": {1: Field("hosts", many=True), 2: Field("secretName")},
    "IngressRule": {1: Field("host"), 2: Field("", "IngressRuleValue")},
    "IngressRuleValue": {1: Field("http", "HTTPIngressRuleValue")},
    "HTTPIngressRuleValue": {1: Field("paths", "HTTPIngressPath", many=True)},
    "HTTPIngressPath": {1: Field("path"), 2: Field("backend", "IngressBackend"), 3: Field("pathType")},
    "IngressBackend": {4: Field("service", "IngressServiceBackend")},
    "IngressServiceBackend": {1: Field("name"), 2: Field("port", "ServiceBackendPort")},
    "ServiceBackendPort": {1: Field("name"), 2: Field("number", "int")},
    "Service": _OBJECT | {2: Field("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: Field("ports", "ServicePort", many=True),
        2: Field("selector", "map"),
        3: Field("clusterIP"),
        4: Field("type"),
        5: Field("externalIPs", many=True),
        7: Field("sessionAffinity"),
        10: Field("externalName"),
        11: Field("externalTrafficPolicy"),
    },
    "ServicePort": {
        1: Field("name"),
        2: Field("protocol"),
        3: Field("port", "int"),
        4: Field("targetPort", "int or text"),
        5: Field("nodePort", "int"),
    },
    "IntOrString": {1: Field("type", "int"), 2: Field("intVal", "int"), 3: Field("strVal")},
    "Deployment": _OBJECT | {2: Field("spec", "DeploymentSpec")},
    "DeploymentSpec": {
        1: Field("replicas", "int"),
        2: Field("selector", "LabelSelector"),
        3: Field("template", "PodTemplateSpec"),
    },
    "LabelSelector": {1: Field("matchLabels", "map")},
    "PodTemplateSpec": _OBJECT | {2: Field("spec", "PodSpec")},
    "PodSpec": {2: Field("containers", "Container", many=True)},
    "Container": {
        1: Field("name"),
        2: Field("image"),
        3: Field("command", many=True),
        4: Field("args", many=True),
        6: Field("ports", "ContainerPort", many=True),
    },
    "ContainerPort": {1: Field("name"), 3: Field("containerPort", "int"), 4: Field("protocol")},
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", "int"),
        2: Field("preconditions", "Preconditions"),
        4: Field("propagationPolicy"),
        5: Field("dryRun", many=True),
    },
    "Preconditions": _texts("uid", "resourceVersion"),
}
# messages above that are parts, not kinds
_KINDS = frozenset(
    {
        "ConfigMap",
        "DeleteOptions",
        "Deployment",
        "Ingress",
        "Namespace",
        "Secret",
        "Service",
        "ServiceAccount",
    }
    | {name for name in MESSAGES if name.startswith("SelfSubject")}
)


def decode(body: bytes) -> Json:
    """The object in the body, as JSON would have it. Raises ProtobufError."""
    if not body.startswith(_MAGIC):
        raise ProtobufError("the body does not begin as the Kubernetes protobuf encoding does")
    envelope = _message("Unknown", body[len(_MAGIC) :], 0)
    named = envelope.get("typeMeta") or {}
    kind = named.get("kind", "")
    if kind not in _KINDS:
        raise ProtobufError(f"{kind or 'an object without a kind'} is not understood in protobuf")
    return {**named, **_message(kind, envelope.get("raw") or b"", 0)}


def _message(name: str, raw: bytes, depth: int) -> Json:
    if depth > _DEEPEST:
        raise ProtobufError("nested too deep")
    known = MESSAGES[name]
    document: Json = {}
    for number, value in _fields(raw):
        field = known.get(number)
        if field is None:
            continue
        decoded = _value(field, value, depth)
        if decoded in ("", {}, None) or (decoded == 0 and field.name == "nodePort"):
            # Go writes its zero values; in JSON they are left out
            continue
        if field.many:
            document.setdefault(field.name, []).append(decoded)
        elif field.kind.endswith("map"):
            document.setdefault(field.name, {}).update(decoded)
        elif field.name:
            document[field.name] = decoded
        else:
            document.update(decoded)
    return document


def _value(field: Field, value: bytes | int, depth: int) -> Any:
    if field.kind == "int":
        if not isinstance(value, int):
            raise ProtobufError(f"{field.name} is no number")
        return value
    if not isinstance(value, bytes):
        raise ProtobufError(f"{field.name} is a number")
    if field.kind == "raw":
        return value
    if field.kind == "text":
        return _text(value)
    if field.kind.endswith("map"):
        entry = dict(_fields(value))
        key, content = entry.get(1, b""), entry.get(2, b"")
        if not (isinstance(key, bytes) and isinstance(content, bytes)):
            raise ProtobufError(f"{field.name} is no map of strings")
        return {_text(key): base64.b64encode(content).decode() if "bytes" in field.kind else _text(content)}
    if field.kind == "int or text":
        either = _message("IntOrString", value, depth + 1)
        return either.get("strVal", "") if either.get("type") else either.get("intVal", 0)
    return _message(field.kind, value, depth + 1)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtobufError("a string is not UTF-8") from None


def _fields(raw: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of every field of a message."""
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        wire_type = tag & 7
        if wire_type == 0:
            number, position = _varint(raw, position)
            yield tag >> 3, number
            continue
        if wire_type == 2:
            length, position = _varint(raw, position)
        else:
            length = {1: 8, 5: 4}.get(wire_type, len(raw) + 1)
        if position + length > len(raw):
            raise ProtobufError("a field reaches beyond the end")
        yield tag >> 3, raw[position : position + length]
        position += length


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(raw):
            break
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ProtobufError("a number does not end")
