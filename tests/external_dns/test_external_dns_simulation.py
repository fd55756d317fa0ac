"""What external-dns would do: the table of cases, and the program itself beside the simulation."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from external_dns_cases import BOTH, CASES, HOSTS, OWNER, Case, table, world
from external_dns_kit import find_external_dns, flags_for, snapshot_of, what_it_does
from pointsman.probes.catalogue.dns_owner import DNS_OWNER_RULES
from pointsman.probes.state.external_dns.foresee import Forecast, foresee

Change = tuple[str, str, str, tuple[str, ...], int]


@functools.cache
def foreseen(*words: str) -> dict[str, Forecast]:
    documents, records = world()
    flags = flags_for(*words, f"--txt-owner-id={OWNER}")
    held = records.held(flags, HOSTS)
    return {one.host: one for one in foresee(snapshot_of(documents), flags, held, HOSTS)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_of_cases(case: Case) -> None:
    forecast = foreseen(*BOTH)[f"{case.name}.shop.test"]
    steps = {
        (step.action, step.type, step.before if step.action == "delete" else step.after)
        for step in forecast.steps
        if step.action not in ("keep", "forbidden")
    }
    assert steps == set(case.does)
    assert not forecast.unsure


def test_the_docs_show_the_table_of_cases() -> None:
    text = (Path(__file__).parents[2] / "docs" / "external-dns.md").read_text()
    shown = [line for line in text.splitlines() if line.startswith("| ") and line in table()]
    assert shown == table()


def test_the_docs_name_every_rule_of_the_check() -> None:
    text = (Path(__file__).parents[2] / "docs" / "external-dns.md").read_text()
    assert [one.id for one in DNS_OWNER_RULES if f"`{one.id}`" not in text] == []


def changes_of(forecasts: dict[str, Forecast]) -> set[Change]:
    return {
        (step.action, host, step.type, step.before if step.action == "delete" else step.after, step.ttl)
        for host, forecast in forecasts.items()
        for step in forecast.steps
        if step.action not in ("keep", "forbidden")
    }


def asked_for(changes: dict[str, Any]) -> set[Change]:
    """What the real program asked its provider for, less its TXT records and updates of those alone."""
    before = {
        (one["dnsName"], one["recordType"]): (tuple(one["targets"]), one.get("recordTTL", 0))
        for one in changes.get("updateOld") or ()
    }
    found: set[Change] = set()
    for name, action in (("create", "create"), ("updateNew", "update"), ("delete", "delete")):
        for one in changes.get(name) or ():
            key = (one["dnsName"], one["recordType"])
            targets, ttl = tuple(sorted(one["targets"])), one.get("recordTTL", 0)
            registry_only = action == "update" and before.get(key) in ((targets, ttl), (targets, ttl or 60))
            if (
                key
                in {(host, "A") for host in HOSTS}
                | {(host, "AAAA") for host in HOSTS}
                | {(host, "CNAME") for host in HOSTS}
                and not registry_only
            ):
                found.add((action, *key, targets, 0 if action == "delete" else ttl))
    return found


@pytest.mark.real
@pytest.mark.parametrize(
    "words",
    [
        BOTH,
        (*BOTH, "--policy=upsert-only"),
        (*BOTH, "--policy=create-only"),
        ("--source=gateway-httproute", "--policy=sync"),
        ("--source=ingress", "--policy=sync"),
        (*BOTH, "--gateway-name=dual", "--min-ttl=45s"),
        (*BOTH, "--txt-prefix=edns-"),
        (*BOTH, "--registry=noop"),
        (*BOTH, "--ingress-class=other", "--exclude-domains=goes.shop.test"),
        (*BOTH, "--annotation-filter=external-dns.alpha.kubernetes.io/ttl in (30, 5)"),
    ],
    ids=lambda words: " ".join(word.removeprefix("--") for word in words[len(BOTH) :]) or "sync",
)
async def test_the_real_external_dns_does_what_was_foreseen(words: tuple[str, ...]) -> None:
    program = find_external_dns()
    documents, records = world()
    real = asked_for(await what_it_does(program, documents, records, *words, f"--txt-owner-id={OWNER}"))
    assert changes_of(foreseen(*words)) == real
