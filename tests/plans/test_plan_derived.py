"""What a plan is derived from: every field with its source, nothing guessed, nothing broken by a name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_kit import BASE, dns_of, documents, flow, ingress, route, wanted
from pointsman.checklists.plans.derive import EXCLUDED_SHARE, derive
from pointsman.checklists.plans.derived import DerivedPlan
from pointsman.checklists.plans.find import Wanted, find
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.plans.model import ObjectName, Plan
from pointsman.checklists.plans.seen import Seen, SideSeen
from pointsman.checklists.plans.write import write_plan
from pointsman.cluster.errors import UserError
from pointsman.cluster.snapshot import KindState
from pointsman.probes.wire.dns.answers import DnsAnswer, RecordSet
from pointsman.probes.wire.dns.facts import AUTHORITATIVE, DnsServerFacts
from pointsman.probes.wire.dns.zones import OwnerRecord

STORE = BASE + ingress("store", "store.shop.test", "/", "/api") + route("store", "store.shop.test")
DNS = Seen(dns={"store.shop.test": dns_of("store.shop.test")})


def derived(text: str, seen: Seen = DNS, asked: Wanted | None = None) -> DerivedPlan:
    asked = asked or wanted()
    return derive(find(documents(text), asked), asked, seen)


def loaded(plan: DerivedPlan, folder: Path) -> Plan:
    file = folder / "plan.yaml"
    file.write_text(write_plan(plan))
    return load_plan(file)


def notes(plan: DerivedPlan, field: str = "") -> str:
    return "\n".join(one["note"] for one in plan.notes() if one["field"].startswith(field))


def test_one_host_from_its_ingress_and_route(tmp_path: Path) -> None:
    plan = derived(STORE)
    assert plan.doubts == ()
    read = loaded(plan, tmp_path)
    assert read.name == "store"
    assert read.hosts == ("store.shop.test",)
    assert (read.old.address, read.new.address) == ("192.0.2.1", "192.0.2.2")
    assert [path.path for path in read.paths] == ["/", "/api"]
    assert read.ingress == (ObjectName("shop", "store"),)
    assert [str(one) for one in read.routes] == ["HTTPRoute/shop/store"]
    assert read.dns.zone == "shop.test."
    assert read.dns.authoritative == ("192.0.2.53:53",)
    assert read.dns.provider == "show"
    assert read.waves == ()
    assert "answers store.shop.test from shop/app:80" in notes(plan, "routes")
    assert "3600 s" in notes(plan, "dns.low_ttl")
    assert "now: store.shop.test 3600 A 192.0.2.1" in notes(plan, "dns")


def test_the_same_facts_give_the_same_bytes_in_whatever_order() -> None:
    parts = [part for part in STORE.split("---\n") if part.strip()]
    texts = {write_plan(derived("---\n".join(order))) for order in (parts, parts[::-1])}
    assert len(texts) == 1


def test_a_pass_says_which_error_share_it_excludes(tmp_path: Path) -> None:
    plan = derived(STORE)
    read = loaded(plan, tmp_path)
    # the rule of three: none in n excludes more than 3/n with 95 %
    assert 3 / read.thresholds.min_samples <= EXCLUDED_SHARE
    assert read.durations.watch * read.thresholds.rate_per_s >= read.thresholds.min_samples
    assert "above 0.5 % (95 %, 3/n)" in notes(plan, "thresholds")


def test_wildcards_and_rules_for_any_host_are_said_and_left_out(tmp_path: Path) -> None:
    more = ingress("wild", "*.shop.test") + ingress("any", "")
    asked = wanted(ingresses=tuple(ObjectName("shop", name) for name in ("store", "wild", "any")))
    plan = derived(STORE + more, asked=asked)
    assert loaded(plan, tmp_path).hosts == ("store.shop.test",)
    assert "*.shop.test of Ingress shop/wild: a wildcard" in notes(plan, "hosts")
    assert "the rule of Ingress shop/any for any host" in notes(plan, "hosts")


def test_what_a_get_cannot_ask_is_said_and_left_out(tmp_path: Path) -> None:
    matches = json.dumps(
        [
            {"path": {"type": "Exact", "value": "/healthz"}},
            {"path": {"type": "RegularExpression", "value": "/v[0-9]+"}},
            {"path": {"type": "PathPrefix", "value": "/post"}, "method": "POST"},
            {"path": {"type": "PathPrefix", "value": "/beta"}, "headers": [{"name": "x-beta", "value": "1"}]},
        ]
    )
    text = BASE + ingress("store", "store.shop.test", "/") + route("store", "store.shop.test", matches)
    plan = derived(text)
    assert [path.path for path in loaded(plan, tmp_path).paths] == ["/healthz", "/"]
    said = notes(plan, "paths")
    assert "/v[0-9]+" in said
    assert "an expression" in said
    assert "asked with POST only" in said
    assert "only with x-beta" in said


def test_what_the_old_side_answers_decides_which_paths_are_worth_asking(tmp_path: Path) -> None:
    paths = ("/", "/gone", "/login", "/api")
    text = BASE + ingress("store", "store.shop.test", *paths) + route("store", "store.shop.test")
    old = SideSeen(True, statuses={"/": 200, "/gone": 404, "/login": 401, "/api": 405})
    plan = derived(text, replace(DNS, old={"store.shop.test": old}))
    read = loaded(plan, tmp_path)
    assert {path.path: path.statuses for path in read.paths} == {"/": (), "/login": (401,), "/api": (405,)}
    assert "store.shop.test/gone: the old side answers 404" in notes(plan, "paths")
    assert "the new side must too" in notes(plan, "paths")


def test_a_host_of_which_nothing_answers_is_a_doubt(tmp_path: Path) -> None:
    text = BASE + ingress("store", "store.shop.test", "/gone") + route("store", "store.shop.test", "[]")
    old = SideSeen(True, statuses={"/gone": 404, "/": 503})
    plan = derived(text, replace(DNS, old={"store.shop.test": old}))
    assert [doubt.field for doubt in plan.doubts] == ["paths"]
    assert loaded(plan, tmp_path).paths[0].path == "/"


def test_paths_are_asked_of_the_hosts_that_have_them(tmp_path: Path) -> None:
    text = STORE + ingress("cart", "cart.shop.test", "/", "/cart") + route("cart", "cart.shop.test")
    names = ("cart.shop.test", "store.shop.test")
    plan = derived(text, Seen(dns={name: dns_of(name) for name in names}))
    read = loaded(plan, tmp_path)
    assert {path.path: path.hosts for path in read.paths} == {
        "/": (),
        "/api": ("store.shop.test",),
        "/cart": ("cart.shop.test",),
    }
    assert read.waves == (("cart.shop.test",), ("store.shop.test",))
    assert "the canary" in notes(plan, "waves")
    assert read.name == "shop.test"
    chosen = derived(text, Seen(dns={name: dns_of(name) for name in names}), wanted(canary="store.shop.test"))
    assert loaded(chosen, tmp_path).waves[0] == ("store.shop.test",)


def test_a_load_balancer_with_a_name_is_resolved_and_said(tmp_path: Path) -> None:
    named = ingress("store", "store.shop.test", status='[{hostname: "lb.example.net"}]')
    seen = replace(DNS, addresses={"lb.example.net": ("192.0.2.1", "192.0.2.9", "2001:db8::1")})
    plan = derived(BASE + named + route("store", "store.shop.test"), seen)
    read = loaded(plan, tmp_path)
    # of several the one that DNS has now
    assert (read.old.address, read.old.ipv6) == ("192.0.2.1", "2001:db8::1")
    assert "lb.example.net" in notes(plan, "old")
    assert "192.0.2.9" in notes(plan, "old")
    unresolved = derived(BASE + named + route("store", "store.shop.test"))
    assert [doubt.field for doubt in unresolved.doubts] == ["old"]
    with pytest.raises(UserError, match=r"plan\.yaml:\d+: old: is missing"):
        loaded(unresolved, tmp_path)


def test_without_dns_the_rest_is_written_and_the_gap_named(tmp_path: Path) -> None:
    plan = derived(STORE, Seen(asked=False))
    assert [doubt.field for doubt in plan.doubts] == ["dns.zone", "dns.authoritative"]
    text = write_plan(plan)
    assert "# zone: example.net." in text
    with pytest.raises(UserError, match=r"plan\.yaml:\d+: dns\.zone: is missing"):
        loaded(plan, tmp_path)
    filled = text.replace("# zone: example.net.", "zone: shop.test.").replace(
        "# authoritative:", "authoritative:"
    )
    (tmp_path / "filled.yaml").write_text(filled)
    assert load_plan(tmp_path / "filled.yaml").dns.zone == "shop.test."


def test_a_server_without_authority_is_a_doubt(tmp_path: Path) -> None:
    good = dns_of("store.shop.test")
    lame = DnsServerFacts(
        "192.0.2.54:53", AUTHORITATIVE, (DnsAnswer("A", "REFUSED", error=""),), name="ns2.shop.test."
    )
    seen = Seen(dns={"store.shop.test": replace(good, servers=(*good.servers, lame))})
    plan = derived(STORE, seen)
    assert [doubt.field for doubt in plan.doubts] == ["dns.authoritative"]
    assert "not known: 192.0.2.54:53: REFUSED" in notes(plan, "dns.authoritative")
    assert loaded(plan, tmp_path).dns.authoritative == ("192.0.2.53:53",)


def test_hosts_of_another_zone_are_left_out_and_said(tmp_path: Path) -> None:
    text = STORE + ingress("cart", "cart.other.test") + ingress("docs", "docs.shop.test")
    names = {
        "store.shop.test": "shop.test.",
        "docs.shop.test": "shop.test.",
        "cart.other.test": "other.test.",
    }
    asked = wanted(hosts=tuple(names))
    plan = derived(text, Seen(dns={name: dns_of(name, zone=zone) for name, zone in names.items()}), asked)
    assert loaded(plan, tmp_path).hosts == ("docs.shop.test", "store.shop.test")
    assert "cart.other.test: in the zone other.test.; one plan is one zone" in notes(plan, "hosts")


def test_external_dns_is_known_by_its_records_or_annotations(tmp_path: Path) -> None:
    owner = OwnerRecord("a-store.shop.test.", "a", 300, ("x",), heritage=True, owner="team-a")
    seen = Seen(dns={"store.shop.test": replace(dns_of("store.shop.test"), owners=(owner,))})
    read = loaded(derived(STORE, seen), tmp_path)
    assert read.dns.provider == "external-dns"
    assert read.dns.external_dns is not None
    assert (read.dns.external_dns.owner, read.dns.external_dns.write) == ("team-a", "patch")
    note = "{external-dns.alpha.kubernetes.io/hostname: store.shop.test, argocd.argoproj.io/instance: shop}"
    annotated = (
        BASE + ingress("store", "store.shop.test", annotations=note) + route("store", "store.shop.test")
    )
    plan = derived(annotated)
    assert loaded(plan, tmp_path).dns.provider == "external-dns"
    assert "not known: whether external-dns really owns" in notes(plan, "dns.provider")
    assert "Argo CD" in notes(plan, "dns.external_dns")


def test_the_console_is_that_of_the_name_servers(tmp_path: Path) -> None:
    good = dns_of("store.shop.test")
    servers = (replace(good.servers[0], name="ns-12.awsdns-01.com."),)
    plan = derived(STORE, Seen(dns={"store.shop.test": replace(good, servers=servers)}))
    assert loaded(plan, tmp_path).dns.console == "route53"


def test_an_alias_a_cdn_and_a_low_ttl_are_said(tmp_path: Path) -> None:
    alias = RecordSet("store.shop.test.", "CNAME", 30, ("d1.cloudfront.net.",))
    far = RecordSet("d1.cloudfront.net.", "A", 60, ("198.51.100.7",))
    good = dns_of("store.shop.test")
    server = replace(good.servers[0], answers=(DnsAnswer("A", "NOERROR", True, (alias, far)),))
    plan = derived(STORE, Seen(dns={"store.shop.test": replace(good, servers=(server,))}))
    said = notes(plan, "dns")
    assert "is an alias of d1.cloudfront.net." in said
    assert "CloudFront" in said
    assert loaded(plan, tmp_path).dns.low_ttl == 30
    assert "# old_ttl: 3600" in write_plan(plan)


def test_both_sides_at_one_address_is_a_doubt() -> None:
    same = STORE.replace("value: 192.0.2.2", "value: 192.0.2.1")
    assert "both sides have the same address" in derived(same).doubts[0].words


def test_a_host_without_a_route_is_planned_and_doubted(tmp_path: Path) -> None:
    plan = derived(BASE + ingress("store", "store.shop.test"), asked=wanted(hosts=("store.shop.test",)))
    assert [doubt.field for doubt in plan.doubts] == ["routes"]
    assert "not known: which route answers it" in notes(plan, "hosts")
    assert loaded(plan, tmp_path).routes == ()


def test_chains_that_the_system_does_not_trust_ask_for_roots() -> None:
    bad = SideSeen(False, "unable to get local issuer certificate", "leaf", ("store.shop.test",))
    plan = derived(STORE, replace(DNS, new={"store.shop.test": bad}))
    assert "# tls: {ca_file: roots.pem}" in write_plan(plan)
    assert "unable to get local issuer" in notes(plan, "tls")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (wanted(ingresses=(ObjectName("shop", "nope"),)), "there is no Ingress shop/nope"),
        (wanted("infra/nope"), "there is no Gateway infra/nope"),
        (Wanted(hosts=("x.example.test",)), "no route has these hosts"),
    ],
)
def test_what_is_named_and_not_there_is_one_line(asked: Wanted, words: str) -> None:
    with pytest.raises(UserError, match=words):
        find(documents(STORE), asked)


def test_kinds_that_may_not_be_read_leave_a_partial_plan() -> None:
    whole = documents(STORE)
    denied = replace(
        whole,
        ingresses={},
        offline=False,
        kinds={**whole.kinds, "Ingress": KindState("denied", "forbidden")}
        | {kind: KindState("live") for kind in ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute")},
    )
    asked = wanted(hosts=("store.shop.test",))
    plan = derive(find(denied, asked), asked, DNS)
    fields = [doubt.field for doubt in plan.doubts]
    assert fields[0] == "old"
    assert "Ingress objects could not be read (denied)" in plan.doubts[0].words
    assert yaml.safe_load(write_plan(plan))["new"] == {"address": "192.0.2.2"}


_hostile = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30),
    st.sampled_from(["a: b", "#", "- x", "\n", "'", '"', "{}", "\x1b[31m", "*", "..", "a" * 300, "é.test"]),
)


@settings(max_examples=25, deadline=None)
@given(_hostile, _hostile, _hostile, _hostile)
def test_hostile_names_never_break_the_file(host: str, path: str, value: str, note: str) -> None:
    marks = flow({"external-dns.alpha.kubernetes.io/hostname": note, f"x/{value[:20]}": value})
    parts = [
        BASE,
        ingress("store", "store.shop.test", "/", path, annotations=marks),
        ingress("odd", host, path),
        route("store", "store.shop.test", f"[{{path: {flow({'type': 'PathPrefix', 'value': path})}}}]"),
    ]
    asked = wanted(ingresses=(ObjectName("shop", "store"), ObjectName("shop", "odd")))
    owner = OwnerRecord("a.", "a", 1, (note,), heritage=True, owner=note)
    facts = replace(dns_of("store.shop.test"), owners=(owner,) if note else ())
    plan = derived("".join(parts), Seen(dns={"store.shop.test": facts}), asked)
    text = write_plan(plan)
    assert yaml.safe_load(text) == plan.plain()
    assert "\x1b" not in text
    assert "store.shop.test" in yaml.safe_load(text)["hosts"]
