"""In which form a client wants objects (whole, metadata only, Table), and their JSON bytes in that form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from . import events
from .history import Stored
from .kinds import Resource
from .printers import printed_columns
from .problems import ApiError, not_acceptable

Json = dict[str, Any]
JSON_TYPE = "application/json"
_META_GROUP = "meta.k8s.io"
_META_VERSIONS = ("v1", "v1beta1")
_TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Form:
    """The negotiated form: "" for whole objects, else one of the meta.k8s.io kinds."""

    transform: str = ""
    meta_version: str = "v1"
    include_object: str = "Metadata"


def accepted_types(header: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, in the client's order."""
    accepted = []
    for entry in header.split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        accepted.append((media_type.lower(), {name.strip(): value.strip() for name, _, value in pairs}))
    return accepted


def negotiate(header: str, include_object: str = "") -> Form:
    """The first form of the Accept header that is served here. Raises ApiError 406."""
    for media_type, parameters in accepted_types(header or "*/*"):
        if media_type not in (JSON_TYPE, "application/*", "*/*"):
            continue
        transform = parameters.get("as", "")
        if not transform:
            return Form()
        if (
            transform in _TRANSFORMS
            and parameters.get("g") == _META_GROUP
            and parameters.get("v") in _META_VERSIONS
        ):
            return Form(transform, parameters["v"], include_object or "Metadata")
    raise not_acceptable(
        "only the following media types are accepted: application/json, "
        "application/json;as=Table;g=meta.k8s.io;v=v1, "
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    )


class Encoder:
    """Turns stored objects of one kind into bytes of one form and version."""

    def __init__(self, resource: Resource, version: str, form: Form) -> None:
        self._resource = resource
        self._api_version = resource.api_version(version)
        self._form = form
        self._columns = printed_columns(resource) if form.transform == "Table" else []

    def one(self, stored: Stored) -> bytes:
        """The answer to a get. Raises ApiError 406 for a form that only lists have."""
        if self._form.transform == "PartialObjectMetadataList":
            raise ApiError(500, "", "content is not a list")
        if self._form.transform == "Table":
            return self.table([stored], {"resourceVersion": str(stored.version)})
        return self.item(stored)

    def item(self, stored: Stored) -> bytes:
        if self._form.transform:
            return msgspec.json.encode(self._partial(stored))
        return self._whole(stored)

    def watched(self, stored: Stored, first: bool) -> bytes:
        """The object of a watch event. A Table names its columns in the first event only."""
        if self._form.transform == "Table":
            return self.table([stored], {"resourceVersion": str(stored.version)}, columns=first)
        return self.item(stored)

    def bookmark(self, version: int, initial_events_end: bool = False) -> bytes:
        metadata: Json = {"resourceVersion": str(version)}
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        if self._form.transform == "Table":
            return self._table_of([], {"resourceVersion": str(version)}, columns=False)
        if self._form.transform:
            return msgspec.json.encode(
                {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": f"{_META_GROUP}/{self._form.meta_version}",
                    "metadata": metadata,
                }
            )
        return msgspec.json.encode(
            {"kind": self._resource.kind, "apiVersion": self._api_version, "metadata": metadata}
        )

    def list_of(self, items: Sequence[Stored], metadata: Json) -> bytes:
        """The answer to a list. Raises ApiError 406 for a form that only single objects have."""
        if self._form.transform == "PartialObjectMetadata":
            kind = "unstructured.UnstructuredList" if self._resource.custom else f"{self._resource.kind}List"
            raise not_acceptable(
                f"you requested PartialObjectMetadata, but the requested object is a list (*{kind})"
            )
        if self._form.transform == "Table":
            return self.table(items, metadata)
        kind, api_version = f"{self._resource.kind}List", self._api_version
        if self._resource.custom and not self._form.transform:
            # lists of custom objects always say it
            metadata = {"continue": "", **metadata}
        encode: Callable[[Stored], bytes] = self._whole
        if self._form.transform:
            kind, api_version = "PartialObjectMetadataList", f"{_META_GROUP}/{self._form.meta_version}"
            encode = self.item
        head = msgspec.json.encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})
        if self._form.transform and not items:
            return head[:-1] + b',"items":null}'
        return b"".join((head[:-1], b',"items":[', b",".join(map(encode, items)), b"]}"))

    def table(self, items: Iterable[Stored], metadata: Json, columns: bool = True) -> bytes:
        rows = []
        for stored in items:
            body = stored.body
            row: Json = {"cells": [column.cell(body) for column in self._columns]}
            if self._form.include_object == "Object":
                row["object"] = msgspec.Raw(self._whole(stored))
            else:
                row["object"] = None if self._form.include_object == "None" else self._partial(stored)
            rows.append(row)
        return self._table_of(rows, metadata, columns)

    def _table_of(self, rows: list[Json], metadata: Json, columns: bool) -> bytes:
        return msgspec.json.encode(
            {
                "kind": "Table",
                "apiVersion": f"{_META_GROUP}/{self._form.meta_version}",
                "metadata": metadata,
                "columnDefinitions": [column.definition() for column in self._columns] if columns else None,
                "rows": rows,
            }
        )

    def _partial(self, stored: Stored) -> Json:
        return {
            "kind": "PartialObjectMetadata",
            "apiVersion": f"{_META_GROUP}/{self._form.meta_version}",
            "metadata": stored.body["metadata"],
        }

    def _whole(self, stored: Stored) -> bytes:
        if self._resource.stored_as:
            return msgspec.json.encode(events.as_new(stored.body))
        return stored.encoded_as(self._api_version)
