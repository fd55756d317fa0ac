"""The patches as a person makes them: kubectl commands, and YAML for manifests that live in Git. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import yaml

from ..base import ObjectPatch, RecordChange
from .objects import Group, groups

_API = {"Ingress": "networking.k8s.io/v1", "Service": "v1"}
_GATEWAY_API = "gateway.networking.k8s.io/v1"


def instructions(change: RecordChange, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Commands in their order, then the same as YAML. ``versions``: resourceVersions by object, if known."""
    if not change.via:
        return ("nothing to patch: external-dns already wants the records so",)
    lines: list[str] = []
    for number, group in enumerate(groups(change.via), start=1):
        lines += [f"{number}. {kubectl(group, versions.get(group.shown, ''))}"]
    lines.append("or in Git, in this order:")
    for group in groups(change.via):
        lines += [f"  {line}" for line in manifest(group)]
    return tuple(lines)


def kubectl(group: Group, version: str = "") -> str:
    """One command; with a resourceVersion it is refused where the object has changed since."""
    first = group.patches[0]
    words = [
        "kubectl",
        "-n",
        first.namespace,
        "annotate",
        f"{first.kind.lower()}/{first.name}",
        "--overwrite",
    ]
    words += [f"--resource-version={version}"] if version else []
    words += [_word(one) for one in group.patches]
    return shlex.join(words)


def _word(patch: ObjectPatch) -> str:
    return f"{patch.key}-" if patch.after is None else f"{patch.key}={patch.after}"


def manifest(group: Group) -> Iterator[str]:
    """A strategic merge patch; null removes an annotation."""
    first = group.patches[0]
    document = {
        "apiVersion": _API.get(first.kind, _GATEWAY_API),
        "kind": first.kind,
        "metadata": {"namespace": first.namespace, "name": first.name, "annotations": group.after},
    }
    yield "---"
    yield from yaml.safe_dump(document, sort_keys=False, width=1000).splitlines()
