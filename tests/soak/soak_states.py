"""A run after its soak, put together by hand for the pure tests."""

from __future__ import annotations

from pointsman.checklists.machine.state import QuietSpell, State
from pointsman.checklists.machine.view import CacheRow
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    Durations,
    ObjectName,
    Plan,
    PodsPlan,
    Side,
    TrafficPlan,
    TrafficSide,
)
from pointsman.checklists.records.base import RecordChange, RecordSet

HOST, DAY = "store.shop.test", 86400.0
NOW = 4 * DAY
PLAN = Plan(
    name="store",
    hosts=(HOST,),
    gateway=ObjectName("infra", "main"),
    old=Side("192.0.2.1"),
    new=Side("192.0.2.2"),
    paths=(CriticalPath("/"),),
    dns=DnsPlan("show", "shop.test.", ("192.0.2.53:53",), 60, ("198.51.100.1:53",)),
    ingress=(ObjectName("shop", "store"),),
    durations=Durations(),
    traffic=TrafficPlan(
        old=TrafficSide(
            pods=PodsPlan("ingress-nginx", "ingress-nginx", "app.kubernetes.io/name=ingress-nginx")
        )
    ),
)
ROWS = (CacheRow("198.51.100.1:53", "resolver", HOST, "new", 12),)


def change(purpose: str, ttls: tuple[int, int], addresses: tuple[str, str]) -> RecordChange:
    before, after = (
        (RecordSet(HOST, "A", ttl, (address,)),) for ttl, address in zip(ttls, addresses, strict=True)
    )
    return RecordChange(purpose, "shop.test.", (HOST,), before, after)  # type: ignore[arg-type]


STATE = State(
    run_id="r1",
    plan=PLAN,
    checks=(),
    writes_enabled=True,
    started_at=0.0,
    phase="done",
    lowered=change("lower-ttl", (3600, 60), ("192.0.2.1", "192.0.2.1")),
    switched=change("switch", (60, 60), ("192.0.2.1", "192.0.2.2")),
    old_ttl=3600.0,
    low_seen_at=DAY,
    new_seen_at=2 * DAY,
    soak_over=True,
    quiet=QuietSpell(2 * DAY, NOW - 60, "ingress-nginx pods in ingress-nginx", ours=100_000.0),
    marks=(("preflight", 0.0), ("watch", 2 * DAY), ("soak", 2.1 * DAY), ("done", NOW - 60)),
)
