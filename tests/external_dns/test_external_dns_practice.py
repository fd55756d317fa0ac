"""The practice external-dns: written apart from the simulation, and it does the same."""

from __future__ import annotations

import pytest
from external_dns_cases import BOTH, CASES, HOSTS, OWNER, world
from external_dns_kit import ZONE, Records
from pointsman.probes.state.external_dns.foresee import Forecast
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.external_dns import PracticeExternalDns
from test_external_dns_simulation import foreseen

# what it says that it does not know: Services, durations, the old place of ownership records
UNKNOWN = {f"{name}.{ZONE}" for name in ("service", "servicekept", "longttl", "oldformat", "tworoutes")}
DEFAULT_TTL = 60


def zone_of(records: Records) -> Zone:
    zone = Zone(ZONE)
    for (host, kind), (ttl, values) in records.sets.items():
        zone.set(f"{host}.", ttl, kind, *values)
    for name, text in records.texts.items():
        zone.set(f"{name}.", 300, "TXT", f'"{text}"')
    return zone


def shown(zone: Zone, host: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    found = {}
    for kind in ("A", "AAAA", "CNAME"):
        records = zone.get(f"{host}.", kind)
        if records is not None:
            values = tuple(sorted(str(one).removesuffix(".") for one in records))
            found[kind] = (records.ttl, values)
    return found


def expected(forecast: Forecast) -> dict[str, tuple[int, tuple[str, ...]]]:
    ttls = forecast.ttls_after
    return {kind: (ttls[kind] or DEFAULT_TTL, values) for kind, values in forecast.after}


@pytest.mark.parametrize(
    "words",
    [
        BOTH[:2],
        (*BOTH[:2], "--policy=upsert-only"),
        (*BOTH[:2], "--policy=create-only"),
        ("--source=gateway-httproute",),
        ("--source=ingress", "--txt-prefix=edns-"),
        (*BOTH[:2], "--gateway-name=dual"),
    ],
    ids=" ".join,
)
def test_it_does_what_was_foreseen(words: tuple[str, ...]) -> None:
    documents, records = world()
    storage = Storage()
    for document in documents:
        storage.apply(document)
    zone = zone_of(records)
    arguments: dict[str, list[str]] = {"--txt-owner-id": [OWNER]}
    for word in words:
        name, _, value = word.partition("=")
        arguments.setdefault(name, []).append(value)
    PracticeExternalDns(storage, zone, DEFAULT_TTL).round(arguments)
    forecasts = foreseen(*words)
    assert {host for host in HOSTS if host not in UNKNOWN} >= {f"{CASES[0].name}.{ZONE}"}
    for host in HOSTS:
        if host not in UNKNOWN and not forecasts[host].unsure:
            assert shown(zone, host) == expected(forecasts[host]), host
