"""Findings as SARIF 2.1.0, which code review tools show beside the lines that they are about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from .catalogue import RULES, Rule
from .located import Located
from .output import subject_document
from .verdict import Finding, Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# SARIF has "open" for what could not be told, but the tools that read it drop all that is no failure, and an
# UNKNOWN must not be lost: so it is a warning, with the verdict beside it
_LEVELS = {Verdict.FAIL: "error", Verdict.WARN: "warning", Verdict.UNKNOWN: "warning"}
_KINDS = {Verdict.PASS: "pass", Verdict.SKIP: "notApplicable"}


def sarif(reports: Iterable[Located], version: str) -> dict[str, Any]:
    """One run with the results of all ``reports``, as plain JSON types.

    The fingerprint of a result is of its rule, file and subject, so that it outlives moved lines and new
    wording.
    """
    places = {rule: place for place, rule in enumerate(RULES)}
    seen: Counter[str] = Counter()
    results = [
        _result(report, finding, places[finding.rule], seen)
        for report in reports
        for finding in report.findings
    ]
    driver = {
        "name": "pointsman",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(entry) for entry in RULES.values()],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(entry: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "shortDescription": {"text": _text(entry.title)},
        "fullDescription": {"text": _text(entry.why)},
        "help": {"text": _text(f"{entry.why} {entry.mend}")},
    }
    if entry.source.startswith("https://"):
        described["helpUri"] = entry.source.split()[0].rstrip(",;")
    return described


def _result(report: Located, finding: Finding, rule_index: int, seen: Counter[str]) -> dict[str, Any]:
    subject = subject_document(finding.subject)
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": str(finding.subject), "kind": "resource"}]
    }
    place = report.place_of(finding)
    if place is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line},
        }
    file = _uri(place.file if place is not None else report.file or "-")
    key = "\0".join((finding.rule, file, *subject.values()))
    seen[key] += 1
    fingerprint = hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")).hexdigest()
    words = [f"{finding.subject}: {finding.summary}", finding.why, f"Mend: {finding.mend}", *finding.evidence]
    told: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS.get(finding.verdict, "none"),
        "message": {"text": _text("\n".join(words))},
        "locations": [location],
        "partialFingerprints": {"pointsman/v1": fingerprint[:32]},
        "properties": {
            "verdict": finding.verdict.value,
            "subject": subject,
            "reproduce": finding.reproduce,
        },
    }
    if finding.verdict in _KINDS:
        told["kind"] = _KINDS[finding.verdict]
    return told


def _text(text: str) -> str:
    # [words](address) is a link in a message (3.11.6), and the words may be anybody's
    return text.replace("](", "] (")


def _uri(file: str) -> str:
    """A relative reference for a relative name, because that is how a repository's files are found."""
    if file == "-":
        return "stdin"
    path = os.path.normpath(file)
    encoded = quote(path, safe="/", errors="surrogatepass")
    return f"file://{encoded}" if os.path.isabs(path) else encoded
