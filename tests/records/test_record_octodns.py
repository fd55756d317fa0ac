"""octoDNS as a library, on zone files: exactly our change, never the rest."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("octodns", reason="needs octoDNS: pip install 'pointsman[octodns]'")

from octodns.record import Delete
from octodns_target import Target
from pointsman.checklists.records.base import RecordChange, RecordReadError, RecordSet
from pointsman.checklists.records.octodns import Octodns
from pointsman.checklists.records.providers import Surroundings, provider_for
from pointsman.cluster.errors import UserError
from records_kit import HOST, NEW, OLD, OLD6, ZONE, a_plan, a_set, octodns_plan, switch_of

RECORDS = f"""\
other: {{type: TXT, value: hello, ttl: 60}}
store:
- {{type: A, ttl: 1, value: {OLD}}}
- {{type: AAAA, ttl: 1, value: "{OLD6}"}}
- {{type: HTTPS, ttl: 1, value: {{svcpriority: 1, targetname: ., svcparams: {{alpn: [h2]}}}}}}
"""


class Zone:
    """A zone file, and the configuration that leads to it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "octodns.yaml"
        self.file = folder / "shop.test.yaml"
        self.file.write_text(RECORDS)
        self.write_config()

    def write_config(self, more: str = "", kind: str = "octodns_target.Target") -> None:
        self.config.write_text(
            f"providers:\n  target:\n    class: {kind}\n    directory: {self.file.parent}\n"
            "    default_ttl: 60\n    enforce_order: false\n    escaped_semicolons: true\n"
            f"{more}zones: {{}}\n"
        )

    def provider(self, deadline_s: float = 20.0, name: str = "target") -> Octodns:
        return Octodns(self.plan(name), deadline_s)

    def plan(self, name: str = "target"):
        return a_plan("octodns", ("127.0.0.1:9",), octodns=octodns_plan(str(self.config), provider=name))

    def somebody(self, old: str, new: str) -> None:
        """Another client changes the zone."""
        self.file.write_text(self.file.read_text().replace(old, new))


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Zone]:
    yield Zone(tmp_path)
    Target.before_plan = Target.instead = Target.extra = None


async def test_exactly_the_change_is_made_and_taken_back(zone: Zone) -> None:
    octodns = zone.provider()
    change = await switch_of(octodns, zone.plan())
    assert change.diff == (f"- {HOST}. 1 A {OLD}", f"- {HOST}. 1 AAAA {OLD6}", f"+ {HOST}. 1 A {NEW}")
    assert (await octodns.apply(change)).kind == "applied"
    text = zone.file.read_text()
    assert NEW in text
    assert OLD not in text
    assert OLD6 not in text
    assert "hello" in text
    assert "svcpriority" in text
    assert (await octodns.apply(change)).detail.startswith("the records are as the change leaves them")
    assert (await octodns.apply(change.inverted())).kind == "applied"
    assert (await octodns.read()).sets == change.before
    assert (await octodns.find_out(change)).kind == "not-applied"


async def test_a_name_of_no_traffic_is_made_and_removed(zone: Zone) -> None:
    octodns = zone.provider()
    canary = "pointsman-canary.shop.test"
    made = RecordChange("rehearse", ZONE, (canary,), (), (a_set(NEW, 1, canary),))
    assert (await octodns.apply(made)).kind == "applied"
    assert (await octodns.read((canary,))).sets == made.after
    assert (await octodns.apply(made.inverted())).kind == "applied"
    assert "canary" not in zone.file.read_text()


@pytest.mark.parametrize(
    ("old", "new"), [(OLD, "192.0.2.66"), (OLD6, "2001:db8::66"), ("ttl: 1,", "ttl: 7,"), ("h2", "h3")]
)
async def test_what_somebody_changed_before_is_not_overwritten(zone: Zone, old: str, new: str) -> None:
    octodns = zone.provider()
    change = await switch_of(octodns, zone.plan())
    zone.somebody(old, new)
    text = zone.file.read_text()
    outcome = await octodns.apply(change)
    assert outcome.kind == "precondition-failed"
    assert zone.file.read_text() == text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (OLD, "192.0.2.66", f"update {HOST}. A"),
        (f"value: {OLD}", f"values: [{OLD}, 192.0.2.66]", f"update {HOST}. A"),
        ("hello", "world", "update other.shop.test. TXT"),
        ("other:", "another: {type: A, value: 192.0.2.7, ttl: 5}\nother:", "delete another.shop.test. A"),
    ],
)
async def test_what_somebody_changed_between_reading_and_planning_stays(
    zone: Zone, old: str, new: str, says: str
) -> None:
    octodns = zone.provider()
    change = await switch_of(octodns, zone.plan())
    Target.before_plan = lambda: zone.somebody(old, new)
    outcome = await octodns.apply(change)
    assert outcome.kind == "precondition-failed"
    assert says in outcome.detail
    assert new in zone.file.read_text()
    assert NEW not in zone.file.read_text()


async def test_a_provider_that_wants_more_is_refused(zone: Zone) -> None:
    octodns = zone.provider()
    change = await switch_of(octodns, zone.plan())
    Target.extra = lambda existing: [Delete(existing.get_type("other", "TXT"))]
    outcome = await octodns.apply(change)
    assert outcome.kind == "precondition-failed"
    assert "delete other.shop.test. TXT" in outcome.detail
    assert zone.file.read_text() == RECORDS


async def test_one_that_breaks_while_it_writes_is_unknown_and_told_without_its_secrets(zone: Zone) -> None:
    octodns = zone.provider()
    change = await switch_of(octodns, zone.plan())

    def broken() -> None:
        raise ConnectionError("https://dns.example/?key=hunter2 refused")

    Target.instead = broken
    outcome = await octodns.apply(change)
    assert outcome.kind == "unknown"
    assert "ConnectionError" in outcome.detail
    assert "hunter2" not in outcome.detail
    Target.instead = lambda: None
    outcome = await octodns.apply(change)
    assert outcome.kind == "unknown"
    assert "but then has" in outcome.detail


async def test_one_that_hangs_is_unknown_and_waited_for_before_anything_is_found_out(zone: Zone) -> None:
    octodns = zone.provider(deadline_s=1.0)
    change = await switch_of(octodns, zone.plan())
    go = threading.Event()
    Target.instead = lambda: (go.wait(20), zone.somebody(OLD, NEW))
    try:
        outcome = await octodns.apply(change)
        assert outcome.kind == "unknown"
        assert "1 s" in outcome.detail
        with pytest.raises(RecordReadError, match="late write"):
            await octodns.find_out(change)
        assert (await octodns.apply(change)).kind == "refused"
    finally:
        go.set()
    await asyncio.to_thread(octodns._flight._thread.join, 10)
    # it was made, and only half of it
    assert (await octodns.find_out(change)).kind == "precondition-failed"


async def test_one_that_is_late_before_it_writes_never_writes(zone: Zone) -> None:
    octodns = zone.provider(deadline_s=0.5)
    change = await switch_of(octodns, zone.plan())
    go = threading.Event()
    Target.before_plan = lambda: go.wait(20)
    outcome = await octodns.apply(change)
    go.set()
    assert outcome.kind == "refused"
    assert "nothing was sent" in outcome.detail
    await asyncio.to_thread(octodns._flight._thread.join, 10)
    assert zone.file.read_text() == RECORDS


async def test_a_type_that_the_provider_does_not_know_is_read_from_dns(
    zone: Zone, dns_world, monkeypatch: pytest.MonkeyPatch
) -> None:
    dns_world.set("HTTPS", '1 . alpn="h3"', ttl=5)
    plan = a_plan("octodns", (dns_world.at,), octodns=octodns_plan(str(zone.config)))
    octodns = Octodns(plan)
    monkeypatch.setattr(Target, "SUPPORTS", {"A", "AAAA", "CNAME", "TXT"})
    zone.file.write_text("".join(RECORDS.splitlines(keepends=True)[:-1]))
    assert RecordSet(HOST, "HTTPS", 5, ('1 . alpn="h3"',)) in (await octodns.read()).sets
    assert (await octodns.apply(await switch_of(octodns, plan))).kind == "applied"


async def test_a_record_with_more_than_values_is_not_touched(zone: Zone) -> None:
    zone.file.write_text("store: {type: ALIAS, value: lb.example., ttl: 60}\n")
    with pytest.raises(RecordReadError, match="ALIAS"):
        await zone.provider().read()


def a_change() -> RecordChange:
    return RecordChange("switch", ZONE, (HOST,), (a_set(OLD, 1),), (a_set(NEW, 1),))


def test_a_bad_configuration_is_told(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"octodns.yaml: no provider other; it has target"):
        zone.provider(name="other")
    zone.write_config(kind="nowhere.Target")
    with pytest.raises(UserError, match=r"octodns.yaml: octoDNS cannot use it: ManagerException: .*line 3"):
        zone.provider()
    zone.write_config("    populate_should_replace: env/POINTSMAN_NOT_SET\n")
    with pytest.raises(UserError, match="missing env var POINTSMAN_NOT_SET"):
        zone.provider()
    zone.config.write_text("zones: {}\n")
    with pytest.raises(UserError, match="'providers' is missing"):
        zone.provider()
    zone.config.write_text("providers: [\n")
    with pytest.raises(UserError, match="octoDNS cannot use it"):
        zone.provider()
    zone.config.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        zone.provider()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'pointsman\[octodns\]'"):
        provider_for(zone.plan(), Surroundings())
    # who only looks on does not need it, until he asks
    assert "delete" in provider_for(zone.plan()).instructions(a_change())[-1]
    with pytest.raises(RecordReadError, match="not installed"):
        asyncio.run(provider_for(zone.plan()).read())


async def test_its_log_stays_off_the_screen_and_ours_does_not(
    zone: Zone, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        octodns = zone.provider()
        # it warns of a zone without NS records
        assert (await octodns.apply(await switch_of(octodns, zone.plan()))).kind == "applied"
        zone.write_config("    populate_should_replace: env/POINTSMAN_NOT_SET\n")
        with pytest.raises(UserError):
            zone.provider()
        assert capfd.readouterr().err == ""
        logging.getLogger("pointsman.checklists").warning("said")
        assert capfd.readouterr().err == "said\n"
    finally:
        root.handlers = kept
