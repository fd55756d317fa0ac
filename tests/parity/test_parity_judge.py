"""What is said of answers: never a difference of equals, never silence about an open door."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.output import document, encode
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest
from pointsman.probes.wire.parity import judge
from pointsman.probes.wire.parity.facts import Answers, ParityFacts, Round, Seen
from pointsman.probes.wire.parity.fields import seen
from pointsman.probes.wire.parity.noise import FALSE_ALARMS, Standing, evidence, weigh
from pointsman.probes.wire.parity.question import COALESCED, Question, Side
from pointsman.probes.wire.parity.waivers import Waiver
from pointsman.tui.lines import plain
from pointsman.tui.telling.parity import parity_lines

OLD, NEW = Side("old", "192.0.2.1"), Side("new", "192.0.2.2")
URL = "https://shop.test/a"
QUESTION = Question(URL)


def answer(status: int | None = 200, error: str = "", **fields: str) -> Seen:
    """One answer; ``cookie_sid`` is the field ``cookie sid``."""
    named = {name.replace("__", "-").replace("_", " ", 1): value for name, value in fields.items()}
    return Seen(status, {"status": error or str(status), **named}, error, first_byte_ms=5.0)


def facts_of(*answers: Answers, **options: object) -> ParityFacts:
    return ParityFacts(OLD, NEW, answers, requests=3, **options)  # type: ignore[arg-type]


def same(old: Seen, new: Seen, times: int = 12, question: Question = QUESTION) -> Answers:
    """The old answer always, and the new one always."""
    return Answers(question, (Round(old, new, old),) * times)


def told(*answers: Answers, waivers: tuple[Waiver, ...] = ()) -> list[tuple[str, str]]:
    found = judge.judge(facts_of(*answers), judge.Policy(waivers))
    return [(one.rule, one.verdict.value) for one in found]


# -- noise

values = st.sampled_from(["a", "b", "c", "d"])
seen_anything = st.builds(
    lambda status, fields: Seen(status, {"status": str(status), **fields}),
    st.sampled_from([200, 204, 301, 308, 401, 403, 404]),
    st.dictionaries(
        st.sampled_from(
            [
                "location",
                "header vary",
                "header etag",
                "cookie sid",
                "body",
                "body shape",
                "body .id",
                "protocol",
            ]
        ),
        values,
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(seen_anything, min_size=1, max_size=5), min_size=1, max_size=6))
def test_equal_answers_are_no_difference(sides: list[list[Seen]]) -> None:
    answers = [
        Answers(replace(QUESTION, url=f"{URL}/{number}"), tuple(Round(one, one, one) for one in own))
        for number, own in enumerate(sides)
    ]
    assert told(*answers) == [("PAR001", "PASS")]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=12), st.booleans())
def test_noise_alone_is_never_unexplained(pairs: list[tuple[str, str]], there: bool) -> None:
    # each pair of values comes once in each of the three places: that is what noise does in the long run
    rounds = []
    for usual, odd in pairs:
        common = answer(header_x=usual)
        other = answer() if there else answer(header_x=odd)
        rounds += [Round(common, other, common), Round(other, common, common), Round(common, common, other)]
    assert told(Answers(QUESTION, tuple(rounds))) == [("PAR001", "PASS")]


def _draw(dice: random.Random) -> Seen:
    return answer(
        dice.choice((200, 200, 200, 503)),
        header_served=dice.choice("abc"),
        body=str(dice.random()),
        body_kind=dice.choice("xxxxy"),
        **({"cookie_sid": "path=/"} if dice.random() < 0.5 else {}),
    )


def test_false_alarms_are_as_rare_as_promised() -> None:
    dice = random.Random(3)
    runs, alarms = 150, 0
    for _ in range(runs):
        answers = [
            Answers(
                replace(QUESTION, url=f"{URL}/{number}"),
                tuple(Round(_draw(dice), _draw(dice), _draw(dice)) for _ in range(4)),
            )
            for number in range(8)
        ]
        changes = [change for own in weigh(answers) for change in own]
        alarms += any(change.standing is Standing.PROVEN for change in changes)
    # 1 % is the bound; with the dice as they fall there is none
    assert alarms <= runs * FALSE_ALARMS * 2


def test_the_weight_is_a_fair_bet() -> None:
    # its mean when the new side is odd one time in three is 1, for any number of rounds (Ville's inequality)
    from math import comb

    for rounds in (1, 5, 14, 30):
        mean = sum(
            comb(rounds, odd) * (1 / 3) ** odd * (2 / 3) ** (rounds - odd) * evidence(odd, rounds)
            for odd in range(rounds + 1)
        )
        assert mean == pytest.approx(1.0)
    assert evidence(0, 0) == 1
    assert evidence(12, 12) > 1e4


def test_a_rotating_value_does_not_hide_that_the_field_is_gone() -> None:
    rounds = tuple(Round(answer(header_tag=f"{n}a"), answer(), answer(header_tag=f"{n}b")) for n in range(12))
    assert told(Answers(QUESTION, rounds)) == [("PAR040", "WARN")]
    rotating = tuple(Round(*(answer(header_tag=f"{n}{side}") for side in "abc")) for n in range(12))
    assert told(Answers(QUESTION, rotating)) == [("PAR001", "PASS")]


def test_few_rounds_prove_nothing_and_many_requests_do() -> None:
    old, new = answer(header_x="1"), answer(header_x="2")
    assert told(same(old, new, 2)) == [("PAR003", "UNKNOWN")]
    many = [same(old, new, 1, replace(QUESTION, url=f"{URL}/{n}")) for n in range(20)]
    assert told(*many) == [("PAR040", "WARN")]
    # different values everywhere: no change is like another, but that the field differs is
    each = [
        same(answer(body=f"{n}"), answer(body=f"new {n}"), 2, replace(QUESTION, url=f"{URL}/{n}"))
        for n in range(60)
    ]
    assert told(*each) == [("PAR050", "FAIL")]


def test_one_blip_in_many_rounds_is_noise_and_many_are_not() -> None:
    good, bad = answer(), answer(503)
    once = Answers(QUESTION, (Round(good, bad, good), *(Round(good, good, good),) * 9))
    assert told(once) == [("PAR001", "PASS")]
    half = Answers(QUESTION, (Round(good, bad, good), Round(good, good, good)) * 12)
    assert told(half) == [("PAR014", "FAIL")]
    both = Answers(QUESTION, (Round(good, bad, good), Round(bad, good, good), Round(good, good, bad)) * 4)
    assert told(both) == [("PAR001", "PASS")]


# -- doors


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(seen_anything, seen_anything, seen_anything), max_size=8),
    st.sampled_from([401, 403]),
    st.sampled_from([200, 204]),
    st.integers(0, 8),
    st.sampled_from(["", "HTTP/1.0", "no SNI"]),
)
def test_a_lost_refusal_fails_whatever_the_noise(
    noise: list[tuple[Seen, Seen, Seen]], refused: int, let_in: int, place: int, variant: str
) -> None:
    rounds = [Round(*three) for three in noise]
    rounds.insert(place, Round(answer(refused), answer(let_in), answer(refused)))
    question = replace(QUESTION, variant=variant, known=place % 2 == 0)
    waive_all = (Waiver("*", "*", "everything"),)
    found = judge.judge(facts_of(Answers(question, tuple(rounds))), judge.Policy(waive_all))
    assert ("PAR010", Verdict.FAIL) in {(one.rule, one.verdict) for one in found}


def test_preflights_and_sign_in() -> None:
    options = replace(QUESTION, method="OPTIONS")
    assert told(same(answer(401), answer(204), question=options)) == [("PAR017", "WARN")]
    sign_in = answer(302, location="https://id.test/oauth2/start")
    assert told(same(sign_in, answer(), 1)) == [("PAR010", "FAIL")]
    assert told(same(answer(302, location="https://shop.test/b"), answer())) == [("PAR020", "FAIL")]


# -- rules


@pytest.mark.parametrize(
    ("old", "new", "rule", "verdict"),
    [
        (answer(), answer(404), "PAR012", "FAIL"),
        (answer(404), answer(), "PAR013", "WARN"),
        (answer(), answer(502), "PAR014", "FAIL"),
        (answer(), answer(504), "PAR015", "FAIL"),
        (answer(), answer(None, "timeout"), "PAR015", "FAIL"),
        (answer(), answer(None, "reset"), "PAR016", "FAIL"),
        (answer(None, "reset"), answer(), "PAR013", "WARN"),
        (answer(), answer(401), "PAR011", "FAIL"),
        (answer(), answer(204), "PAR017", "WARN"),
        (answer(308, location="/b"), answer(301, location="/b"), "PAR023", "FAIL"),
        (answer(301, location="/b"), answer(308, location="/b"), "PAR023", "WARN"),
        (answer(308, location="/b"), answer(301, location="/c"), "PAR022", "FAIL"),
        (answer(308, location="/b"), answer(502), "PAR014", "FAIL"),
        (answer(413), answer(), "PAR070", "WARN"),
        (answer(), answer(cookie_a=""), "PAR031", "WARN"),
        (answer(cookie_a=""), answer(), "PAR030", "FAIL"),
        (answer(header_access__control__allow__origin="*"), answer(), "PAR033", "FAIL"),
        (answer(header_via="1.1 x"), answer(), "PAR041", "WARN"),
        (answer(401, header_www__authenticate="Basic"), answer(401), "PAR038", "FAIL"),
        (answer(body="1"), answer(body="2"), "PAR050", "FAIL"),
        (answer(404, body="1"), answer(404, body="2"), "PAR051", "WARN"),
        (answer(trailer_grpc__status="0"), answer(trailer_grpc__status="14"), "PAR072", "FAIL"),
        (answer(certificate="a"), answer(certificate="b"), "PAR060", "WARN"),
    ],
)
def test_each_change_has_its_rule(old: Seen, new: Seen, rule: str, verdict: str) -> None:
    assert told(same(old, new)) == [(rule, verdict)]


def test_what_only_follows_is_told_once() -> None:
    old = answer(header_etag="1", header_vary="accept-encoding", body="x", body_shape="y")
    assert told(same(old, answer(404, body="z", body_shape="w"))) == [("PAR012", "FAIL")]
    packed = answer(header_content__encoding="gzip", header_vary="accept-encoding")
    assert told(same(packed, answer())) == [("PAR037", "WARN")]
    # an edge that shows what the plain path shows is no matter of the edge
    plain_one = same(answer(), answer(404))
    child = replace(QUESTION, url=f"{URL}/", place="slash toggled", base=URL, known=False)
    assert told(plain_one, same(answer(), answer(404), question=child)) == [("PAR012", "FAIL")]
    assert told(same(answer(), answer()), same(answer(), answer(404), question=child)) == [("PAR019", "FAIL")]


def test_a_redirect_to_the_slash_is_known() -> None:
    assert told(same(answer(301, location=f"{URL}/"), answer(404))) == [("PAR019", "FAIL")]
    assert told(same(answer(301, location=f"{URL}b/"), answer(404))) == [("PAR020", "FAIL")]


def test_what_a_data_plane_does_with_all_hosts_is_told_once() -> None:
    two = [replace(QUESTION, url=f"https://{name}.test/", variant="HTTP/1.0") for name in "ab"]
    assert told(*(same(answer(), answer(426), question=one) for one in two)) == [("PAR028", "WARN")]
    plain_two = [replace(one, variant="") for one in two]
    assert told(*(same(answer(), answer(404), question=one) for one in plain_two)) == [("PAR012", "FAIL")] * 2


def test_an_upgrade_is_grave_where_there_was_one() -> None:
    question = replace(QUESTION, variant="WebSocket")
    assert told(same(answer(101), answer(403), question=question)) == [("PAR071", "FAIL")]
    assert told(same(answer(200), answer(403), question=question)) == [("PAR071", "WARN")]


def test_only_hosts_of_one_certificate_share_a_connection() -> None:
    def leaf(side: str) -> Seen:
        return answer(certificate=side)

    one, two = (Question(f"https://{name}.test/") for name in "ab")
    over = replace(one, sni="b.test", variant=COALESCED)
    lost = same(answer(), answer(404), question=over)
    shared = (same(leaf("x"), leaf("x"), question=one), same(leaf("x"), leaf("x"), question=two))
    assert told(*shared, lost) == [("PAR063", "WARN")]
    apart = (shared[0], same(leaf("y"), leaf("y"), question=two))
    assert told(*apart, lost) == [("PAR001", "PASS")]


def test_failing_backends_are_no_parity() -> None:
    assert told(same(answer(502), answer(502))) == [("PAR002", "UNKNOWN")]
    assert told(same(answer(None, "local"), answer())) == [("PAR002", "UNKNOWN")]
    assert told(Answers(QUESTION)) == [("PAR002", "UNKNOWN")]
    assert told() == [("PAR005", "UNKNOWN")]
    edge = replace(QUESTION, known=False)
    assert told(same(answer(503), answer(503), question=edge)) == [("PAR001", "PASS")]


def test_slower_is_told_per_host() -> None:
    def timed(old: float, new: float) -> Round:
        return Round(*(replace(answer(), first_byte_ms=ms) for ms in (old, new, old + 1)))

    assert told(Answers(QUESTION, (timed(10, 200),) * 8)) == [("PAR080", "WARN")]
    assert told(Answers(QUESTION, (timed(10, 30),) * 8)) == [("PAR001", "PASS")]
    assert told(Answers(QUESTION, (timed(10, 200), timed(300, 20)) * 8)) == [("PAR001", "PASS")]


def test_waivers_are_named_in_the_output() -> None:
    old, new = answer(header_cache__control="no-store"), answer()
    waiver = Waiver("/a*", "cache-control", "the CDN sets it", where="w.yaml:3")
    (only,) = (
        one for one in judge.judge(facts_of(same(old, new)), judge.Policy((waiver,))) if one.rule == "PAR004"
    )
    assert only.verdict is Verdict.PASS
    assert "the CDN sets it" in only.summary
    assert "a caching header is gone" in only.summary
    assert "w.yaml:3" in only.summary
    others = (
        replace(waiver, path="/b"),
        replace(waiver, field="vary"),
        replace(waiver, host="other.test"),
    )
    assert told(same(old, new), waivers=others) == [("PAR035", "WARN")]
    for field in ("PAR035", "header cache-control", "*"):
        assert ("PAR004", "PASS") in told(same(old, new), waivers=(replace(waiver, field=field),))


# -- hostile text

texts = st.text(max_size=30)
any_facts = st.builds(
    HttpFacts,
    request=st.just(HttpRequest(URL, "192.0.2.1")),
    status=st.none() | st.integers(100, 599),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["location", "set-cookie", "etag", "expires", "content-type"]) | texts, texts
        ),
        max_size=4,
    ).map(tuple),
    trailers=st.lists(st.tuples(texts, texts), max_size=1).map(tuple),
    http_version=texts,
    alpn=texts,
    leaf_sha256=texts,
    tls_version=texts,
    body_bytes=st.integers(0, 40),
    body_sample=texts,
    error=st.sampled_from(["", "", "reset", "timeout"]),
    error_detail=texts,
)
any_question = st.builds(
    Question,
    st.sampled_from([URL, "http://[::1", "https://a.test/\x1b[2J"]) | texts,
    headers=st.lists(st.tuples(texts, texts), max_size=1).map(tuple),
    place=texts,
    variant=texts,
    why=texts,
    host=texts,
    sni=st.none() | texts,
)


@settings(max_examples=40, deadline=None)
@given(any_facts, any_facts, any_question, any_question, texts)
def test_hostile_text_is_cleaned(
    old: HttpFacts, new: HttpFacts, question: Question, other: Question, text: str
) -> None:
    asked = (same(seen(old, one), seen(new, one), question=one) for one in (question, other))
    facts = facts_of(*asked, stopped=text)
    compared = judge.compare(facts)
    for one in judge.findings(compared):
        for line in (one.summary, one.reproduce, *one.evidence, str(one.subject)):
            assert clean(line, 100_000) == line
    for line in parity_lines(compared, 100):
        assert clean(plain(line), 100_000) == plain(line)
    printed = encode(document("compare", compared.verdict, (), judge.facts_document(compared), 1.0))
    assert all(character.isprintable() or character == "\n" for character in printed)
