"""The report's gates: every check with its findings, evidence and facts, and the certificates. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...probes.verdict import Endpoint, Finding
from ..machine.events import Checked, GateChecked, finding_from_json
from .document import Block, Code, Fact, Facts, Fold, Paragraph, Section, Table
from .evidence import CERTIFICATES
from .record import Record, instant

_MOST_EXCHANGES = 40


def gates(record: Record) -> Iterator[Section]:
    """Each time that a gate was asked; what was seen stands with the last time of each."""
    asked = [event for event in record.events if isinstance(event, GateChecked)]
    last = {event.gate: number for number, event in enumerate(asked)}
    for number, event in enumerate(asked):
        yield Section(
            f"Gate {event.gate}, {instant(event.at)}", tuple(_gate(event, last[event.gate] == number))
        )


def _gate(event: GateChecked, with_facts: bool) -> Iterator[Block]:
    yield Table(
        ("check", "verdict", "answer", "took"),
        tuple(
            (item.check_id, str(item.verdict), item.headline, f"{item.elapsed_ms / 1000:.1f} s")
            for item in event.results
        ),
    )
    for item in event.results:
        blocks = (*_findings(item), *(_facts(item) if with_facts else ()))
        if blocks:
            yield Fold(f"{item.check_id}: {item.verdict}", blocks)


def _findings(item: Checked) -> Iterator[Block]:
    for plain in item.findings:
        found = finding_from_json(plain)
        yield Paragraph(f"{found.verdict} {found.rule} {found.name}: {found.summary}")
        rows = [Fact("of", subject(found)), Fact("why", found.why), Fact("mend", found.mend)]
        yield Facts(tuple(row for row in rows if row.value))
        if found.evidence:
            yield Code(found.evidence)
        if found.reproduce:
            yield Code(tuple(found.reproduce.splitlines()), "sh")


def subject(found: Finding) -> str:
    """What a finding is about."""
    if isinstance(found.subject, Endpoint):
        return f"{found.subject.endpoint} {found.subject.host}".strip()
    return str(found.subject)


def _facts(item: Checked) -> Iterator[Block]:
    facts = {key: value for key, value in item.facts.items() if key != CERTIFICATES}
    if not facts:
        return
    for name in ("new", "old"):
        exchanges = facts.get(name)
        if isinstance(exchanges, list | tuple):
            lines = tuple(line for one in exchanges[:_MOST_EXCHANGES] for line in transcript(one))
            if lines:
                yield Fold(f"requests to the {name} side", (Code(lines),))
    lines = tuple(json.dumps(facts, indent=1, sort_keys=True, default=str).splitlines())
    yield Fold("all that was seen", (Code(lines, "json"),))


def transcript(exchange: object) -> Iterator[str]:
    """One HTTP exchange as lines; nothing where it is none."""
    if not isinstance(exchange, Mapping) or not isinstance(exchange.get("request"), Mapping):
        return
    request: Mapping[str, Any] = exchange["request"]
    yield f"> {request.get('method', 'GET')} {request.get('url', '')} at {request.get('address', '')}"
    if exchange.get("error"):
        yield f"! {exchange['error']}: {exchange.get('error_detail', '')}"
    if exchange.get("status") is not None:
        yield f"< {exchange.get('http_version', 'HTTP')} {exchange['status']}"
    headers = exchange.get("headers")
    for header in headers if isinstance(headers, list | tuple) else ():
        if isinstance(header, list | tuple) and len(header) == 2:
            yield f"< {header[0]}: {header[1]}"
    if exchange.get("body_sha256"):
        yield f"< body of {exchange.get('body_bytes', 0)} bytes, SHA-256 {exchange['body_sha256']}"
    yield ""


def certificates(record: Record) -> Section | None:
    """Every certificate that was served, once; they are public."""
    found: dict[str, str] = {}
    for event in record.events:
        if isinstance(event, GateChecked):
            for item in event.results:
                held = item.facts.get(CERTIFICATES)
                if isinstance(held, Mapping):
                    found.update({str(digest): str(pem) for digest, pem in held.items()})
    if not found:
        return None
    blocks = tuple(
        Fold(f"SHA-256 {digest}", (Code(tuple(pem.splitlines()), "pem"),)) for digest, pem in found.items()
    )
    return Section("Certificates that were served", blocks)
