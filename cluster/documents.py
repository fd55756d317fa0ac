"""Files of manifests as a Snapshot, remembering where each object stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .decode import unroll
from .kinds import kind_spec
from .refs import ObjectRef
from .snapshot import Snapshot
from .store import Store, put_document
from .yaml_text import Part, parse_text


class Place(NamedTuple):
    """Where an object stands: the file as it was named (``-`` for standard input), the line from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file that was read: the documents in it, and how many of them are Kubernetes objects."""

    file: str
    parts: tuple[Part, ...]

    @property
    def objects(self) -> int:
        """Documents with an apiVersion and a kind; values of charts and settings of CI have neither."""
        return sum(1 for _ in self.documents())

    def documents(self) -> Iterable[tuple[Mapping[str, Any], Place]]:
        """Every object with its place, Lists unrolled."""
        for content, line in self.parts:
            for document in unroll((content,)):
                if _is_object(document):
                    yield document, Place(self.file, line)


def _is_object(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("apiVersion"), str) and isinstance(document.get("kind"), str)


def read_manifest(data: bytes, file: str) -> Manifest:
    """The documents of one file's text. Raises BrokenTextError where it is no YAML."""
    return Manifest(file, tuple(parse_text(data, file)))


@dataclass(frozen=True, slots=True)
class Documents:
    """The closed world that some files describe.

    ``places`` is keyed by the whole object's ref. Of an object that stands twice the one read last counts;
    ``repeated`` holds it with the places of those before.
    """

    snapshot: Snapshot
    places: Mapping[ObjectRef, Place] = field(default_factory=dict)
    repeated: Mapping[ObjectRef, tuple[Place, ...]] = field(default_factory=dict)


def read_manifests(manifests: Iterable[Manifest], namespace: str = "") -> Documents:
    """The world of all ``manifests`` together. Never raises for what is inside a document.

    ``namespace`` is where a document goes that names none, as with ``kubectl apply -n``.
    """
    store = Store(offline=True)
    places: dict[ObjectRef, Place] = {}
    repeated: dict[ObjectRef, tuple[Place, ...]] = {}
    for manifest in manifests:
        for document, place in manifest.documents():
            ref = put_document(store, _with_namespace(document, namespace) if namespace else document)
            if ref is None:
                continue
            if ref in places and not _generated(document):
                repeated[ref] = (*repeated.get(ref, ()), places[ref])
            places[ref] = place
    return Documents(store.snapshot(), places, repeated)


def _generated(document: Mapping[str, Any]) -> bool:
    metadata = document.get("metadata")
    return isinstance(metadata, Mapping) and not metadata.get("name")


def _with_namespace(document: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    spec = kind_spec(str(document["apiVersion"]).rpartition("/")[0], str(document["kind"]))
    if not isinstance(metadata, Mapping) or metadata.get("namespace") or (spec and not spec.namespaced):
        return document
    return {**document, "metadata": {**metadata, "namespace": namespace}}
