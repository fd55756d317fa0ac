"""The drain and the gate beside simulated name servers and caches that keep to the TTL; and the record."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.errors import UserError
from pointsman.probes.wire.dns.facts import (
    DnsAnswer,
    DnsFacts,
    DnsServerFacts,
    DnsTarget,
    RecordSet,
    Sighting,
)
from pointsman.probes.wire.dns.forecast import (
    drain,
    low_ttl_gate,
    old_periods,
    periods,
    visible_at,
)
from pointsman.probes.wire.dns.history import history_path, read_history, record, sightings

NAME = "store.shop.test."
OLD, NEW = "192.0.2.1", "192.0.2.2"
clock = "{:.0f}".format


def seen(at: float, ttl: int, value: str = OLD, server: str = "ns1", kind: str = "A") -> Sighting:
    return Sighting(at, NAME, server, kind, ttl, (value,) if value else ())


def test_the_measured_case() -> None:
    """Old 90 s, lowered at +3 s, changed at +8 s: 82 s after the change, where the naive answer is 20."""
    looks = [seen(at, 90) for at in (0, 1, 2)] + [seen(at, 20) for at in (3, 5, 7)] + [seen(8, 20, NEW)]
    found = drain(old_periods(periods(looks), {OLD}, {NEW}))
    assert found.lets_go_at == 3 + 90
    assert found.parts[0].words(clock) == "A 192.0.2.1, TTL 90 s: gone everywhere by 3 + 90 s = 93"
    assert found.old_share(8) == pytest.approx(85 / 90)
    assert found.remaining_s(100) == 0
    assert "lets go at 93 (in 85 s)" in found.words(8, clock)[0]
    assert drain(old_periods(periods(looks), {OLD}), resolver_minimum=120).lets_go_at == 8 + 120


def test_the_last_server_counts_and_a_silent_one_is_not_forgotten() -> None:
    looks = [seen(0, 60), seen(0, 60, server="ns2"), seen(10, 60, NEW), seen(10, 60, server="ns2")]
    standing = drain(old_periods(periods(looks), {OLD}))
    assert standing.lets_go_at is None
    assert "ns2" in standing.reason
    assert (
        drain(old_periods(periods([*looks, seen(20, 60, NEW), seen(30, 60, NEW, "ns2")]), {OLD})).lets_go_at
        == 90
    )
    # ns2 does not answer any more: what it serves is not known, so the old data may still stand there
    assert drain(old_periods(periods([*looks, seen(40, 60, NEW)]), {OLD})).lets_go_at is None
    # unless it is no name server of the zone any more
    assert drain(old_periods(periods([*looks, seen(40, 60, NEW)], servers={"ns1"}), {OLD})).lets_go_at == 70


def test_absences_count_where_the_record_is_new() -> None:
    looks = [seen(0, 300, ""), seen(10, 60, NEW)]
    assert drain(old_periods(periods(looks), {OLD}, {NEW})).lets_go_at == 310
    assert visible_at(10, 3600, 300) == 310
    assert visible_at(10, 60, 300) == 70


def test_nothing_recorded_is_not_nothing_to_wait_for() -> None:
    found = drain([])
    assert (found.lets_go_at, found.old_share(0), found.remaining_s(0)) == (None, None, None)
    assert found.words(0)[0].startswith("not known")


servers = st.sampled_from(["ns1", "ns2", "ns3"])
# what one server serves from some second on: a TTL and a side
changes = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from([0, 5, 20, 60, 90]), st.sampled_from([OLD, OLD, NEW])),
    min_size=1,
    max_size=5,
)


def served(line: list[tuple[int, int, str]], at: float) -> tuple[int, str]:
    """What a server serves at an instant; first the old address for a minute and a half."""
    ttl, value = 90, OLD
    for begins, next_ttl, next_value in line:
        if begins <= at:
            ttl, value = next_ttl, next_value
    return ttl, value


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(servers, changes.map(sorted), min_size=1),
    st.lists(st.integers(0, 260), min_size=1, max_size=30, unique=True),
    st.lists(st.tuples(st.integers(0, 260), servers), max_size=40),
    st.sampled_from([0, 30]),
)
def test_no_honest_cache_holds_the_old_answer_beyond_the_line(
    lines: dict[str, list[tuple[int, int, str]]],
    looks: list[int],
    asks: list[tuple[int, str]],
    minimum: int,
) -> None:
    """Caches ask any server at any second and keep to the TTL (or their minimum); looks come as they come."""
    looks = sorted({0, *looks, 261})
    history = []
    for at in looks:
        for server, line in lines.items():
            ttl, value = served(line, at)
            history.append(seen(at, ttl, value, server))
    line_at = drain(old_periods(periods(history), {OLD}, {NEW}), minimum).lets_go_at
    standing = any(served(line, 261)[1] == OLD for line in lines.values())
    assert (line_at is None) == standing
    if line_at is None:
        return
    for at, server in asks:
        if server not in lines:
            continue
        ttl, value = served(lines[server], at)
        # a record set that stood between two looks cannot be in the record: the cut has to be looked at
        if value == OLD and any(seen_one.ttl == ttl and seen_one.server == server for seen_one in history):
            after = [look for look in looks if look >= at]
            was_seen = any(
                served(lines[server], look) == (ttl, OLD) and _same_stretch(lines[server], look, at)
                for look in looks
            )
            if was_seen and after:
                assert at + max(ttl, minimum) <= line_at


def _same_stretch(line: list[tuple[int, int, str]], one: int, other: int) -> bool:
    low, high = sorted((one, other))
    return not any(low < begins <= high for begins, _, _ in line)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 100), st.integers(1, 100), st.integers(61, 600), st.integers(0, 900), st.integers(1, 20)
)
def test_the_gate_opens_only_when_the_old_ttl_has_passed_everywhere(
    first: int, second: int, old_ttl: int, now: int, every: int
) -> None:
    """Two servers lower the TTL at their own times; a look every few seconds; the gate is never early."""
    history = []
    now = now - now % every
    for at in range(0, now + 1, every):
        history.append(seen(at, 60 if at >= first else old_ttl))
        history.append(seen(at, 60 if at >= second else old_ttl, server="ns2"))
    gate = low_ttl_gate(history, 60, now, ["ns1", "ns2"], clock=clock)
    lowered = max(first, second)
    if now < lowered:
        assert gate.state == "high"
    elif gate.state == "low":
        assert now >= lowered + old_ttl
    else:
        assert gate.state == "wait"
        assert gate.ready_at is not None
        assert lowered + old_ttl <= gate.ready_at <= lowered + old_ttl + every


def test_the_gate_does_not_guess() -> None:
    low = [seen(0, 60), seen(10, 60)]
    assert low_ttl_gate(low, 60, 10_000_000, ["ns1"], clock=clock).state == "unknown"
    assert low_ttl_gate(low, 60, 100, ["ns1"], old_ttl=300, clock=clock).state == "wait"
    assert low_ttl_gate(low, 60, 300, ["ns1"], old_ttl=300, clock=clock).state == "low"
    assert low_ttl_gate(low, 60, 300, ["ns1", "ns2"], old_ttl=300, clock=clock).state == "unknown"
    assert low_ttl_gate([], 60, 300, ["ns1"], clock=clock).state == "unknown"
    # a server that answered once, and not in the newest look
    silent = [seen(0, 300), seen(0, 300, server="ns2"), seen(5, 60), seen(5, 60, server="ns2"), seen(900, 60)]
    assert low_ttl_gate(silent, 60, 900, ["ns1", "ns2"], clock=clock).state == "unknown"
    # the absence of an AAAA says nothing of the TTL to wait for
    absent = [*low, seen(0, 86400, "", kind="AAAA"), seen(10, 86400, "", kind="AAAA")]
    assert low_ttl_gate(absent, 60, 300, ["ns1"], old_ttl=300, clock=clock).state == "low"


# -- the record


def facts(at: float, ttl: int = 60, value: str = OLD) -> DnsFacts:
    answer = DnsAnswer("A", "NOERROR", True, (RecordSet(NAME, "A", ttl, (value,)),))
    none = DnsAnswer("AAAA", "NOERROR", True, negative_ttl=300)
    silent = DnsServerFacts("ns2:53", "authoritative", (DnsAnswer("A", error="timeout"),))
    lame = DnsServerFacts("ns3:53", "authoritative", (replace(answer, aa=False),))
    resolver = DnsServerFacts("r:53", "resolver", (replace(answer, aa=False),))
    server = DnsServerFacts("ns1:53", "authoritative", (answer, none))
    return DnsFacts(DnsTarget("store.shop.test"), (server, silent, lame, resolver), at=at)


def test_a_look_is_kept_privately_and_read_again(tmp_path: Path) -> None:
    path = history_path("Store.Shop.Test.")
    assert path.parent.parent.name == "pointsman-state"
    assert path.name == "store.shop.test.jsonl"
    assert history_path("../../etc/passwd").parent == path.parent
    assert read_history(path) == ()
    looks = sightings(facts(100.0))
    assert [(one.server, one.type, one.ttl, one.values) for one in looks] == [
        ("ns1:53", "A", 60, (OLD,)),
        ("ns1:53", "AAAA", 300, ()),
        ("r:53", "A", 60, (OLD,)),
    ]
    assert record(path, looks)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_history(path) == looks
    # what only runs down, or stays, is not written every second
    assert not record(path, sightings(facts(101.0)), always=False)
    assert record(path, sightings(facts(102.0, value=NEW)), always=False)
    assert record(path, sightings(facts(140.0, value=NEW)), always=False)
    assert [one.at for one in read_history(path) if one.type == "AAAA"] == [100.0, 102.0, 140.0]


def test_torn_and_foreign_lines_are_left_out_and_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    (one, *_) = sightings(facts(1.0))
    path.write_bytes(b'{"at": 1, "nonsense"\n\xff\xfe\n' + msgspec.json.encode(one) + b"\n" + b'{"at":')
    assert read_history(path) == (one,)
    assert record(path, [replace(one, at=2.0)])
    assert [seen_one.at for seen_one in read_history(path)] == [1.0, 2.0]
    line = msgspec.json.encode(one) + b"\n"
    path.write_bytes(line * (2_100_000 // len(line)))
    assert record(path, [replace(one, at=3.0)])
    assert path.stat().st_size < 1_200_000
    assert read_history(path)[-1].at == 3.0


def test_hostile_text_in_the_file_is_made_harmless(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(msgspec.json.encode(Sighting(1.0, NAME, "ns\x1b[2J", "A", 60, ("1\u202e2",))) + b"\n")
    (one,) = read_history(path)
    assert (one.server, one.values) == ("ns·[2J", ("1·2",))


def test_a_record_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    looks = sightings(facts(1.0))
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "file" / "below", tmp_path / "link"):
        with pytest.raises(UserError, match=r"cannot be written.*--record"):
            record(path, looks)
