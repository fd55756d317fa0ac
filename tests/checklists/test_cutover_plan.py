from __future__ import annotations

from pathlib import Path

import pytest
from pointsman.checklists.checks.checklist import PROBES, load_checklist
from pointsman.checklists.plans.load import Plan, load_plan, plan_digest, plan_from_json, plan_to_json
from pointsman.cluster.errors import UserError

TEXT = """\
apiVersion: pointsman/v1
kind: CutoverPlan
name: store
hosts: [store.shop.test]
ingress: [shop/store]
gateway: infra/main
old: {address: 127.0.0.2}
new: {address: 127.0.0.3}
port: 8443
paths:
  - /healthz
  - {path: /api, statuses: [200]}
tls: {ca_file: ca.pem}
dns:
  provider: rfc2136
  zone: shop.test.
  authoritative: ["127.0.0.1:5301"]
  resolvers: ["127.0.0.1:5302"]
  tsig_key_file: tsig.key
  low_ttl: 3
durations: {watch: 15s, soak: 48h}
thresholds: {min_samples: 100, p0: 0.001, alpha: 0.001, rate_per_s: 10}
on_alarm: rollback
checklist: pre-cutover
waivers: [{check: cache-warm-up, reason: no CDN}]
accept: [{path: /api/*, field: header server, reason: another proxy}]
"""


def load(tmp_path: Path, text: str) -> Plan:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    return load_plan(file)


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = load(tmp_path, TEXT)
    assert plan.durations.soak == 48 * 3600
    assert plan.tls.ca_file == str(tmp_path / "ca.pem")
    assert plan.dns.tsig_key_file == str(tmp_path / "tsig.key")
    assert plan.dns.authoritative == ("127.0.0.1:5301",)
    assert [path.path for path in plan.paths] == ["/healthz", "/api"]
    assert [(one.path, one.field, one.host) for one in plan.accept] == [("/api/*", "header server", "")]
    assert plan_from_json(plan_to_json(plan)) == plan


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    one = load(tmp_path, TEXT)
    assert plan_digest(one) == plan_digest(load(tmp_path, "# a comment\n" + TEXT))
    assert plan_digest(one) != plan_digest(load(tmp_path, TEXT.replace("low_ttl: 3", "low_ttl: 4")))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "low_ttl: 3",
            "low_ttl: 3s",
            'plan.yaml:20: dns.low_ttl: expected seconds as a whole number, got "3s"',
        ),
        (
            "low_ttl: 3",
            "low_ttl: true",
            "plan.yaml:20: dns.low_ttl: expected seconds as a whole number, got True",
        ),
        ("low_ttl: 3", "", "plan.yaml:14: dns.low_ttl: is missing"),
        ("on_alarm", "on_alram", "plan.yaml:23: on_alram: unknown field; did you mean on_alarm?"),
        (
            "watch: 15s",
            "watch: 15",
            "plan.yaml:21: durations.watch: expected a duration, got 15; write it as",
        ),
        (
            "port: 8443",
            "port: 84430",
            "plan.yaml:9: port: expected a whole number from 1 to 65535, got 84430",
        ),
        ("address: 127.0.0.3", "address: new", "plan.yaml:8: new.address: expected an IP address"),
        (
            "address: 127.0.0.3",
            "address: 127.0.0.2",
            "plan.yaml:8: new: the new side has an address of the old",
        ),
        ("- /healthz", "- healthz", "plan.yaml:11: paths[0]: expected a path such as /healthz"),
        (
            "[store.shop.test]",
            "[store.other.test]",
            "plan.yaml:4: hosts[0]: store.other.test is not in dns.zone",
        ),
        ("[store.shop.test]", "[]", "plan.yaml:4: hosts: expected at least 1 item, got 0"),
        ("infra/main", "main", "plan.yaml:6: gateway: expected NAMESPACE/NAME"),
        ("tsig_key_file: tsig.key", "tsig_secret: abc", "a secret does not belong in a plan"),
        ("tsig_key_file: tsig.key", "", "dns.tsig_key_file: is missing"),
        (
            "provider: rfc2136",
            "provider: route53",
            "expected one of show, rfc2136, octodns, external-dns, command",
        ),
        ("kind: CutoverPlan", "kind: Plan", "plan.yaml:2: kind: expected one of CutoverPlan"),
        ("name: store", "name: store\nname: shop", "plan.yaml:4: name: stands here twice; first on line 3"),
        ("on_alarm: rollback", "on_alarm: [", "not YAML"),
        ("p0: 0.001", "p0: 7", "thresholds.p0: expected a number above 0"),
        (
            "path: /api/*",
            "path: api",
            "plan.yaml:26: accept[0].path: expected a path that begins with / or *",
        ),
        ("field: header server", "field: PAR010", "protection that is lost cannot be waived"),
        ('"127.0.0.1:5301"', "ns1.shop.test", "dns.authoritative[0]: expected ADDRESS:PORT"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in TEXT
    with pytest.raises(UserError) as caught:
        load(tmp_path, TEXT.replace(old, new))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_mistake_shows_the_secret(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, TEXT.replace("tsig_key_file: tsig.key", "tsig_key: c2VjcmV0"))
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "a: *b", "&a [*a]", "!!python/object:os.system {}", "\x00", "a: b: c"]
)
def test_whatever_is_not_a_plan_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    assert "plan.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_hosts_are_confirmed_by_all_names_or_the_plans(tmp_path: Path) -> None:
    plan = load(tmp_path, TEXT.replace("[store.shop.test]", "[a.shop.test, b.shop.test]"))
    assert plan.is_confirmed_by("store")
    assert plan.is_confirmed_by("b.shop.test, a.shop.test")
    assert not plan.is_confirmed_by("a.shop.test")
    one = load(tmp_path, TEXT)
    assert one.is_confirmed_by("store.shop.test")
    assert not one.is_confirmed_by("store")


def test_the_builtin_checklist_is_the_articles() -> None:
    checklist = load_checklist("pre-cutover")
    assert [check.number for check in checklist.checks] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    # the others are for checklists of one's own, and for the thorough one
    others = {"renewal", "caa", "manual", "command"}
    assert {check.probe for check in checklist.checks} == set(PROBES) - others
    assert all(check.why for check in checklist.checks)


def test_an_own_checklist_is_checked_too(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    head = "apiVersion: pointsman/v1\nkind: Checklist\nchecks:\n"
    file.write_text(head + "  - {id: a, title: b, probe: requets, gate: before-switch}\n")
    with pytest.raises(UserError, match=r"own.yaml:4: checks\[0\].probe: expected one of"):
        load_checklist(file)
    file.write_text(head + "  - {id: a, title: b, probe: requests, gate: never}\n")
    with pytest.raises(UserError, match=r"own.yaml:4: checks\[0\].gate"):
        load_checklist(file)
    with pytest.raises(UserError, match="no builtin checklist"):
        load_checklist("pre-cutoverr")
