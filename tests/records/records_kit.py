"""What the tests of the ways to change records share: changes of one host, and a plan for a provider."""

from __future__ import annotations

from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    ObjectName,
    OctodnsPlan,
    Plan,
    Provider,
    Side,
)
from pointsman.checklists.records.base import RecordChange, RecordProvider, RecordSet, switch_change

HOST = "store.shop.test"
ZONE = "shop.test."
OLD, NEW = "192.0.2.1", "203.0.113.9"
OLD6 = "2001:db8::1"


def a_set(address: str, ttl: int, host: str = HOST) -> RecordSet:
    return RecordSet(host, "AAAA" if ":" in address else "A", ttl, (address,))


def change_of(*sets: RecordSet, to: tuple[RecordSet, ...]) -> RecordChange:
    """From ``sets`` to ``to``."""
    return RecordChange("switch", ZONE, (HOST,), tuple(sorted(sets)), tuple(sorted(to)))


def a_plan(
    provider: Provider, servers: tuple[str, ...], zone: str = ZONE, host: str = HOST, **dns: object
) -> Plan:
    return Plan(
        name="store",
        hosts=(host,),
        gateway=ObjectName("infra", "main"),
        old=Side(OLD),
        new=Side(NEW),
        paths=(CriticalPath("/"),),
        dns=DnsPlan(provider, zone, servers, low_ttl=1, **dns),  # type: ignore[arg-type]
    )


def octodns_plan(
    config: str, servers: tuple[str, ...] = ("127.0.0.1:9",), provider: str = "target"
) -> OctodnsPlan:
    return OctodnsPlan(config, provider)


async def switch_of(provider: RecordProvider, plan: Plan) -> RecordChange:
    """The switch from what is there now."""
    return switch_change(await provider.read(), plan)
