"""A small world on loopback: DNS and two edges in a thread of their own, as another machine would be."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pointsman.checklists.machine.view import Confirm, RunView
from pointsman.checklists.plans.load import Plan, load_plan
from pointsman.checklists.running.run import CutoverRun
from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_resolver import CachingResolver
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.edge import Edge
from pointsman.sandbox.edge_model import EdgeRule, VirtualHost
from pointsman.sandbox.pki import Certificate

HOST = "store.shop.test"
OLD, NEW = "127.0.0.2", "127.0.0.3"
T = TypeVar("T")


class LoopThread:
    """An event loop in its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Awaitable[T], timeout_s: float = 10.0) -> T:
        async def wrapped() -> T:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(timeout_s)

    async def _settle(self) -> None:
        # connections just accepted or cut off are closed by the loop, if it is given the turns to do it
        for _ in range(5):
            await asyncio.sleep(0.01)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def call(self, function: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return function()

        return self.run(wrapped())

    def close(self) -> None:
        self.run(self._settle())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@dataclass
class SmallWorld:
    """What a test needs to know of the small world, and to change in it."""

    directory: Path
    thread: LoopThread
    zone: Zone
    authority: AuthorityServer
    resolver: CachingResolver
    old: Edge | None
    new: Edge | None
    port: int
    certificate: Certificate | None = None

    def plan_text(self, **changes: str) -> str:
        fields = {
            "provider": "rfc2136",
            "authoritative": f'["127.0.0.1:{self.authority.port}"]',
            "low_ttl": "1",
            "watch": "800ms",
            "soak": "400ms",
            "on_alarm": "rollback",
            "checklist": "pre-cutover",
            "ingress": "[]",
            # the old edge sends it as ingress-nginx does, the new one does not, like Envoy
            "accept": '[{path: "/*", field: "header strict-transport-security", reason: the app sends it}]',
            "extra": "",
        } | changes
        return f"""\
apiVersion: pointsman/v1
kind: CutoverPlan
name: store
hosts: [{HOST}]
ingress: {fields["ingress"]}
gateway: infra/main
old: {{address: {OLD}}}
new: {{address: {NEW}}}
port: {self.port}
paths: [/healthz, {{path: /api, statuses: [200]}}]
tls: {{ca_file: ca.pem}}
dns:
  provider: {fields["provider"]}
  zone: shop.test.
  authoritative: {fields["authoritative"]}
  resolvers: ["127.0.0.1:{self.resolver.port}"]
  tsig_key_file: tsig.key
  low_ttl: {fields["low_ttl"]}
durations: {{watch: {fields["watch"]}, soak: {fields["soak"]}, settle: 100ms}}
thresholds: {{min_samples: 10, p0: 0.001, alpha: 0.001, rate_per_s: 30, soak_rate_per_s: 30}}
on_alarm: {fields["on_alarm"]}
checklist: {fields["checklist"]}
accept: {fields["accept"]}
{fields["extra"]}
"""

    def plan_file(self, **changes: str) -> Path:
        path = self.directory / "plan.yaml"
        path.write_text(self.plan_text(**changes))
        return path

    def plan(self, **changes: str) -> Plan:
        return load_plan(self.plan_file(**changes))

    def addresses(self) -> tuple[str, ...]:
        found = self.zone.get("store", "A")
        return tuple(data.to_text() for data in found) if found is not None else ()

    def ttl(self) -> int | None:
        found = self.zone.get("store", "A")
        return None if found is None else int(found.ttl)

    def configure(self, edge: Edge | None, *paths: str, status: int = 200) -> None:
        assert edge is not None
        certificate = self.certificate
        rules = tuple(EdgeRule(path, "Prefix", "svc", status=status, body="ok") for path in paths)
        self.thread.call(lambda: edge.configure({HOST: VirtualHost(HOST, rules, certificate)}))


def small_zone() -> Zone:
    zone = Zone("shop.test.")
    zone.set("store", 2, "A", OLD)
    return zone


BUILTIN = Path(__file__).parents[2] / "checklists" / "builtin" / "pre-cutover.yaml"


def own_checklist(directory: Path, only: tuple[str, ...] = ()) -> None:
    """``own.yaml``: the builtin list without what needs a cluster or the old side's counter (or ``only`` some
    of it), and quicker.
    """
    head, *items = re.split(r"(?m)^(?=  - id: )", BUILTIN.read_text())
    chosen = [item for item in items if "routes-accepted" not in item and "old-side-idle" not in item]
    if only:
        chosen = [item for item in chosen if any(f"- id: {name}\n" in item for name in only)]
    (directory / "own.yaml").write_text((head + "".join(chosen)).replace("{seconds: 5}", "{seconds: 0.5}"))


def waits_for(purpose: str) -> Callable[[RunView], bool]:
    """True where the run waits for this confirmation, or has come to rest."""
    return lambda view: (
        view.finished or (view.waiting_for is not None and view.waiting_for.purpose == purpose)
    )


def confirm_everything(run: CutoverRun) -> None:
    """Type the host name wherever it is asked for, as soon as it is."""

    def consent(view: RunView) -> None:
        if view.waiting_for is not None:
            run.send(Confirm(view.waiting_for.purpose, HOST))

    run.subscribe(consent)
    consent(run.view())
