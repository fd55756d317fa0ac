"""What is bad in the corpus of real statuses, worked out from the raw YAML by polarity alone.

It must not lean on the code that is tested: two readings that agree by sharing code prove nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.verdict import Finding, Verdict

SHARED = Path(os.environ.get("POINTSMAN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
CORPUS = SHARED / "corpus"
FOLDERS = ("istio", "cilium", "envoy-gateway")

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus at {CORPUS}; set POINTSMAN_SHARED")

POSITIVE = {"Accepted", "Programmed", "ResolvedRefs", "SupportedVersion", "BackendsAvailable"}
NEGATIVE = {
    "Conflicted",
    "OverlappingTLSConfig",
    "InsecureFrontendValidationMode",
    "PartiallyInvalid",
    "RouteRulesOverlap",
    "Overridden",
    "Warning",
    "Aggregated",
}


def cases() -> list[Path]:
    """Every case of the three controllers, in a fixed order."""
    return [path for folder in FOLDERS for path in sorted((CORPUS / folder).rglob("*.yaml"))]


def nasty_cases() -> list[Path]:
    """The ten picked ones."""
    return sorted((CORPUS / "nasty").glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    """The mappings of a multi-document file."""
    return [one for one in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader) if isinstance(one, dict)]


def is_bad(condition: dict[str, Any]) -> bool:
    """Bad by polarity; types of unknown polarity are not judged here."""
    if condition.get("type") in POSITIVE:
        return condition.get("status") != "True"
    return condition.get("type") in NEGATIVE and condition.get("status") == "True"


def bad_conditions(document: dict[str, Any]) -> Iterator[tuple[ObjectRef, str]]:
    """Who has a bad condition (the object, or one of its listeners), and its type."""
    api_version, kind = document.get("apiVersion"), document.get("kind")
    status = document.get("status")
    if not isinstance(api_version, str) or not isinstance(status, dict):
        return
    group = api_version.rpartition("/")[0]
    if not group or group == "apps":
        return
    metadata = document["metadata"]
    name = metadata.get("name") or metadata.get("generateName") or ""
    ref = ObjectRef(str(kind), metadata.get("namespace") or "", name, group=group)
    for conditions in (
        status.get("conditions"),
        *(entry.get("conditions") for key in ("parents", "ancestors") for entry in status.get(key) or ()),
    ):
        yield from ((ref, str(one["type"])) for one in conditions or () if is_bad(one))
    for listener in status.get("listeners") or ():
        part = ref.part(listener["name"])
        yield from ((part, str(one["type"])) for one in listener.get("conditions") or () if is_bad(one))


def bad_subjects(document: dict[str, Any]) -> set[ObjectRef]:
    """Who has a bad condition at all."""
    return {subject for subject, _type in bad_conditions(document)}


def tellers(findings: Iterable[Finding], subject: ObjectRef, condition: str) -> list[Finding]:
    """The findings that call ``subject`` bad and show the condition of that type."""
    return [
        one
        for one in findings
        if one.subject == subject
        and one.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
        and any(f"{condition}=" in text for text in (one.summary, *one.evidence))
    ]
