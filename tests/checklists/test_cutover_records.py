from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dns.tsig
import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld
from hypothesis import given
from hypothesis import strategies as st
from pointsman.checklists.plans.load import Plan
from pointsman.checklists.records.base import (
    RecordChange,
    RecordReadError,
    RecordSet,
    lower_ttl_change,
    settle,
    switch_change,
)
from pointsman.checklists.records.rfc2136 import Rfc2136, read_key_file
from pointsman.checklists.records.show import Show
from pointsman.checklists.running import caches
from pointsman.cluster.errors import UserError
from pointsman.sandbox.dns_authority import DnsFaults


async def lowered(plan: Plan) -> RecordChange:
    provider = Rfc2136(plan)
    change = lower_ttl_change(await provider.read(), plan)
    assert change is not None
    assert (await provider.apply(change)).kind == "applied"
    return switch_change(await provider.read(), plan)


async def test_a_and_aaaa_change_together_and_come_back(dns_world: SmallWorld) -> None:
    dns_world.zone.set("store", 2, "AAAA", "2001:db8::2")
    plan = dns_world.plan()
    change = await lowered(plan)
    provider = Rfc2136(plan)
    assert change.diff == (f"- {HOST}. 1 A {OLD}", f"- {HOST}. 1 AAAA 2001:db8::2", f"+ {HOST}. 1 A {NEW}")
    serial = dns_world.zone.serial
    outcome = await provider.apply(change)
    assert outcome.kind == "applied"
    assert dns_world.addresses() == (NEW,)
    assert dns_world.zone.get("store", "AAAA") is None
    assert dns_world.zone.serial == serial + 1
    back = await provider.apply(change.inverted())
    assert back.kind == "applied"
    assert dns_world.addresses() == (OLD,)
    assert dns_world.zone.get("store", "AAAA") is not None


@pytest.mark.parametrize(
    ("kind", "ttl", "value"),
    [("A", 1, "192.0.2.66"), ("A", 7, OLD), ("AAAA", 1, "2001:db8::66"), ("HTTPS", 1, '1 . alpn="h2"')],
)
async def test_what_somebody_else_changed_is_never_overwritten(
    dns_world: SmallWorld, kind: str, ttl: int, value: str
) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)
    dns_world.zone.set("store", ttl, kind, value)
    updates = dict(dns_world.authority.updates)
    outcome = await Rfc2136(plan).apply(change)
    assert outcome.kind == "precondition-failed"
    assert value.split()[0] in outcome.detail
    found = dns_world.zone.get("store", kind)
    assert found is not None
    assert found[0].to_text() == value
    assert dict(dns_world.authority.updates) == updates


async def test_a_change_between_reading_and_sending_is_refused_by_the_server(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)

    class Late(Rfc2136):
        async def read(self, hosts=()):
            read = await super().read(hosts)
            if dns_world.addresses() == (OLD,):
                dns_world.zone.set("store", 1, "A", "192.0.2.66")
            return read

    outcome = await Late(plan).apply(change)
    assert outcome.kind == "precondition-failed"
    assert dns_world.addresses() == ("192.0.2.66",)
    assert dns_world.authority.updates["NXRRSET"] == 1


async def test_an_unrelated_change_of_the_zone_does_not_hinder(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)
    dns_world.zone.set("other", 60, "A", "192.0.2.1")
    assert (await Rfc2136(plan).apply(change)).kind == "applied"


async def test_a_lost_answer_is_read_back_before_anything_is_repeated(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)
    provider = Rfc2136(plan, deadline_s=0.4)
    before = sum(dns_world.authority.updates.values())

    class Losing(Rfc2136):
        async def _send(self, *arguments):
            dns_world.authority.faults = DnsFaults(lose_answers=True)
            return await super()._send(*arguments)

        async def _after_silence(self, *arguments):
            dns_world.authority.faults = DnsFaults()
            return await super()._after_silence(*arguments)

    outcome = await Losing(plan, deadline_s=0.4).apply(change)
    assert outcome.kind == "applied"
    assert "no proper answer" in outcome.detail
    assert sum(dns_world.authority.updates.values()) == before + 1
    assert settle(change, (await provider.read()).sets).kind == "applied"


async def test_silence_throughout_is_unknown(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)

    class Silent(Rfc2136):
        async def _send(self, *arguments):
            dns_world.authority.faults = DnsFaults(lose_answers=True)
            return await super()._send(*arguments)

    assert (await Silent(plan, deadline_s=0.3).apply(change)).kind == "unknown"


async def test_a_wrong_key_is_refused_and_changes_nothing(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    change = await lowered(plan)
    (dns_world.directory / "tsig.key").write_text(
        'key "pointsman." {\n algorithm hmac-sha256; # here\n secret "bm90IHRoZSBzZWNyZXQ="; };\n'
    )
    outcome = await Rfc2136(plan).apply(change)
    assert outcome.kind in ("refused", "unknown")
    assert "bm90" not in outcome.detail
    assert dns_world.addresses() == (OLD,)


@pytest.mark.parametrize(
    "text", ["", "key x { secret abc; };", 'key "x" { algorithm hmac-sha256; secret "!!!!"; };', "\x00" * 20]
)
def test_a_bad_key_file_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tsig.key"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_key_file(file)
    assert str(file) in str(caught.value)
    assert "!!!!" not in str(caught.value)


def test_a_good_key_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tsig.key"
    file.write_text('/* mine */ key "a.b" { algorithm "hmac-sha512"; secret "YWJj"; };')
    key = read_key_file(file)
    assert key.name.to_text() == "a.b."
    assert key.algorithm == dns.tsig.HMAC_SHA512
    assert key.secret == b"abc"


async def test_an_unreadable_set_is_an_error_and_never_an_empty_one(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    for faults in (DnsFaults(servfail=True), DnsFaults(not_authoritative=True), DnsFaults(drop=True)):
        dns_world.authority.faults = faults
        with pytest.raises(RecordReadError):
            await Rfc2136(plan, deadline_s=0.3).read()


async def test_records_of_another_world_are_not_touched(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    dns_world.zone.set("store", 2, "A", "192.0.2.9")
    with pytest.raises(UserError, match=r"has A 192.0.2.9, the plan's old side is 127.0.0.2"):
        lower_ttl_change(await Rfc2136(plan).read(), plan)
    dns_world.zone.delete("store")
    with pytest.raises(UserError, match="has no A"):
        lower_ttl_change(await Rfc2136(plan).read(), plan)


async def test_the_shown_change_is_awaited_on_every_server(dns_world: SmallWorld) -> None:
    plan = dns_world.plan(provider="show")
    provider = Show(plan)
    change = lower_ttl_change(await provider.read(), plan)
    assert change is not None
    script = "\n".join(provider.instructions(change))
    assert f"update add {HOST}. 1 A {OLD}" in script
    assert f"prereq yxrrset {HOST}. A {OLD}" in script
    assert await provider._servers_without(change) == plan.dns.authoritative
    dns_world.zone.set("store", 1, "A", OLD)
    assert (await provider.apply(change)).kind == "applied"
    assert not dns_world.authority.updates


async def test_rows_say_who_has_what(dns_world: SmallWorld) -> None:
    plan = dns_world.plan()
    facts = await caches.ask(plan)
    rows = caches.cache_rows(plan, facts)
    assert [(row.kind, row.answer) for row in rows] == [("authoritative", "old"), ("resolver", "old")]
    old_set = RecordSet(HOST, "A", 2, (OLD,))
    assert not caches.servers_without(facts, [old_set])
    assert "has A with TTL 2" in caches.servers_without(facts, [replace(old_set, ttl=1)])[0]
    dns_world.zone.set("store", 1, "A", NEW)
    rows = caches.cache_rows(plan, await caches.ask(plan))
    assert [row.answer for row in rows] == ["new", "old"]
    assert caches.longest_cached_ttl(facts) in (1, 2)


sets = st.lists(
    st.builds(
        RecordSet,
        st.just(HOST),
        st.sampled_from(["A", "AAAA", "CNAME"]),
        st.integers(1, 100),
        st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=2, unique=True).map(
            lambda v: tuple(sorted(v))
        ),
    ),
    unique_by=lambda item: item.type,
    max_size=3,
).map(lambda items: tuple(sorted(items)))


@given(before=sets, after=sets)
def test_the_inverse_undoes_exactly(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> None:
    change = RecordChange("switch", "shop.test.", (HOST,), before, after)
    assert change.inverted().after == before
    assert sorted(line[2:] for line in change.diff) == sorted(line[2:] for line in change.inverse_diff)
    assert settle(change, after).kind == "applied"
    if before != after:
        assert settle(change, before).kind == "not-applied"
