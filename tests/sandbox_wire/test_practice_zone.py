from __future__ import annotations

import dns.name
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pointsman.sandbox.dns_zone import Outcome, Zone, ZoneEvent, next_serial, serial_is_newer
from pointsman.sandbox.errors import SandboxError


def outcome(zone: Zone, name: str, rdtype: str = "A") -> Outcome:
    return zone.look_up(zone.name(name), dns.rdatatype.from_text(rdtype)).outcome


def test_a_change_moves_the_serial_and_says_what_it_was(zone: Zone) -> None:
    seen: list[ZoneEvent] = []
    forget = zone.on_change(seen.append)
    before = zone.serial
    zone.set("store", 3, "A", "127.0.0.3")
    assert zone.serial == before + 1
    (event,) = seen
    assert (event.name, event.rdtype.name, event.serial) == ("store.shop.test", "A", before + 1)
    assert str(event.old) == "20 IN A 127.0.0.2"
    assert str(event.new) == "3 IN A 127.0.0.3"
    forget()
    zone.delete("store")
    assert len(seen) == 1


def test_the_same_again_is_no_change(zone: Zone) -> None:
    seen: list[ZoneEvent] = []
    zone.on_change(seen.append)
    before = zone.serial
    zone.set("STORE.shop.test.", 20, "a", "127.0.0.2")
    zone.delete("nothing-here")
    assert (zone.serial, seen) == (before, [])
    zone.set("store", 21, "A", "127.0.0.2")
    assert zone.serial == before + 1


def test_several_changes_are_one_serial_or_none(zone: Zone) -> None:
    before = zone.serial, dict(zone.records)

    def half_of_it() -> None:
        with zone.change() as change:
            change.delete(zone.name("store"))
            change.set(zone.name("www"), zone.soa)

    with pytest.raises(SandboxError):
        half_of_it()
    assert (zone.serial, dict(zone.records)) == before
    with zone.change() as change:
        change.delete(zone.name("store"))
        change.delete(zone.name("www"))
    assert zone.serial == before[0] + 1


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("store", "A", Outcome.FOUND),
        ("store", "AAAA", Outcome.NO_DATA),
        ("www", "A", Outcome.ALIAS),
        ("www", "CNAME", Outcome.FOUND),
        ("missing", "A", Outcome.NO_NAME),
        ("empty", "A", Outcome.NO_DATA),  # empty, but something is below it
        ("wild", "A", Outcome.NO_DATA),
        ("x.wild", "A", Outcome.FOUND),
        ("x.y.wild", "A", Outcome.FOUND),
        ("x.wild", "AAAA", Outcome.NO_DATA),
        ("@", "SOA", Outcome.FOUND),
        ("@", "NS", Outcome.FOUND),
    ],
)
def test_look_up(zone: Zone, name: str, rdtype: str, expected: Outcome) -> None:
    assert outcome(zone, name, rdtype) is expected


def test_a_record_below_hides_the_wildcard(zone: Zone) -> None:
    zone.set("x.wild", 30, "TXT", '"here"')
    assert outcome(zone, "x.wild") is Outcome.NO_DATA
    assert outcome(zone, "y.x.wild") is Outcome.NO_NAME
    assert outcome(zone, "y.wild") is Outcome.FOUND


@pytest.mark.parametrize(
    ("name", "ttl", "rdtype", "values", "words"),
    [
        ("store", 60, "CNAME", ["www"], "cannot have a CNAME beside"),
        ("www", 60, "A", ["127.0.0.1"], "cannot have a CNAME beside"),
        ("store", 60, "A", ["not-an-address"], "is not a record"),
        ("store", 60, "A", [], "at least one value"),
        ("store", -1, "A", ["127.0.0.1"], "a TTL is between"),
        ("store", 2**31, "A", ["127.0.0.1"], "a TTL is between"),
        ("store", 60, "NONSENSE", ["1"], "is not a record"),
        ("store.example.", 60, "A", ["127.0.0.1"], "is not in the zone"),
        ("a..b", 60, "A", ["127.0.0.1"], "is not a DNS name"),
        ("sub", 60, "SOA", ["ns1 h 1 1 1 1 1"], "not the zone's apex"),
    ],
)
def test_what_cannot_stand_is_refused(
    zone: Zone, name: str, ttl: int, rdtype: str, values: list[str], words: str
) -> None:
    before = zone.serial
    with pytest.raises(SandboxError, match=words):
        zone.set(name, ttl, rdtype, *values)
    assert zone.serial == before


def test_the_apex_keeps_its_soa_and_ns(zone: Zone) -> None:
    zone.set("@", 60, "TXT", '"apex"')
    zone.delete("@")
    assert zone.get("@", "TXT") is None
    assert zone.get("@", "SOA") is not None
    assert zone.get("@", "NS") is not None


def test_a_copy_stays_behind(zone: Zone) -> None:
    stale = zone.copy()
    zone.set("store", 3, "A", "127.0.0.3")
    assert stale.serial == zone.serial - 1
    assert str(stale.get("store", "A")) == "20 IN A 127.0.0.2"


def test_one_bad_listener_does_not_deny_the_change_to_the_others(
    zone: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[ZoneEvent] = []
    zone.on_change(lambda event: 1 // 0)
    zone.on_change(seen.append)
    zone.set("store", 3, "A", "127.0.0.3")
    assert len(seen) == 1
    assert "a listener of the zone shop.test. failed" in caplog.text


@given(st.integers(0, 2**32 - 1))
def test_the_next_serial_is_newer_and_never_zero(serial: int) -> None:
    following = next_serial(serial)
    assert 0 < following < 2**32
    assert serial_is_newer(following, serial)
    assert not serial_is_newer(serial, following)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_two_serials_are_never_newer_than_each_other(one: int, other: int) -> None:
    assert not (serial_is_newer(one, other) and serial_is_newer(other, one))


labels = st.lists(st.sampled_from(["a", "b", "c", "*"]), min_size=1, max_size=3).map(".".join)


class ZoneMachine(RuleBasedStateMachine):
    """The zone against the plainest model: a dictionary of (name, type) to (ttl, values)."""

    def __init__(self) -> None:
        super().__init__()
        self.zone = Zone("t.test.")
        self.model: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}
        self.serial = self.zone.serial
        self.replayed: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}
        self.zone.on_change(self.replay)

    def replay(self, event: ZoneEvent) -> None:
        key = (event.name.removesuffix(".t.test"), event.rdtype.name)
        if event.new is None:
            del self.replayed[key]
        else:
            self.replayed[key] = (event.new.ttl, frozenset(value.to_text() for value in event.new))

    @rule(
        name=labels,
        ttl=st.integers(0, 3),
        rdtype=st.sampled_from(["A", "TXT", "CNAME"]),
        numbers=st.sets(st.integers(1, 3), min_size=1),
    )
    def set(self, name: str, ttl: int, rdtype: str, numbers: set[int]) -> None:
        if rdtype == "CNAME":
            made = [f"x{min(numbers)}.t.test."]
        else:
            made = [f"10.0.0.{n}" if rdtype == "A" else f'"{n}"' for n in numbers]
        others = {kind for (known, kind) in self.model if known == name} - {rdtype}
        clash = bool(others) and (rdtype == "CNAME" or "CNAME" in others)
        try:
            self.zone.set(name, ttl, rdtype, *made)
        except SandboxError:
            assert clash
            return
        assert not clash
        new = (ttl, frozenset(made))
        if self.model.get((name, rdtype)) != new:
            self.serial += 1
        self.model[name, rdtype] = new

    @rule(name=labels, rdtype=st.sampled_from([None, "A", "TXT", "CNAME"]))
    def delete(self, name: str, rdtype: str | None) -> None:
        self.zone.delete(name, rdtype)
        doomed = [key for key in self.model if key[0] == name and rdtype in (None, key[1])]
        for key in doomed:
            del self.model[key]
        if doomed:
            self.serial += 1

    @rule(name=labels)
    def look_up(self, name: str) -> None:
        found = self.zone.look_up(self.zone.name(name), dns.rdatatype.A)
        exact = {kind for (known, kind) in self.model if known == name}
        below = any(known.endswith(f".{name}") for known, _ in self.model)
        if exact:
            other = Outcome.ALIAS if "CNAME" in exact else Outcome.NO_DATA
            assert found.outcome is (Outcome.FOUND if "A" in exact else other)
        elif below:
            assert found.outcome is Outcome.NO_DATA
        else:
            assert (found.outcome is Outcome.NO_NAME) == (self.wildcard_above(name) is None)

    def wildcard_above(self, name: str) -> str | None:
        """The wildcard at the closest name that exists, if there is one: RFC 4592, by hand."""
        existing = {""}
        for known, _ in self.model:
            existing |= {".".join(known.split(".")[depth:]) for depth in range(known.count(".") + 1)}
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            encloser = ".".join(parts[depth:])
            if encloser in existing:
                source = f"*.{encloser}" if encloser else "*"
                return source if any(known == source for known, _ in self.model) else None
        return None

    @invariant()
    def zone_is_the_model(self) -> None:
        stored = {
            (name.relativize(self.zone.origin).to_text(), rdtype.name): (
                rdataset.ttl,
                frozenset(value.to_text() for value in rdataset),
            )
            for name, node in self.zone.records.items()
            for rdtype, rdataset in node.items()
            if name != dns.name.from_text("t.test.")
        }
        assert stored == self.model
        assert self.replayed == self.model
        assert self.zone.serial == self.serial


TestZoneMachine = ZoneMachine.TestCase
TestZoneMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
