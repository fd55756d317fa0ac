"""Faults between the live picture and its server: no crash, no wrong "none", recovery without a restart."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from time import monotonic

import pytest
from chaos_kit import QUICK, Rig, a_service, behind_a_proxy
from live_helpers import TOKEN, Practice, a_gateway, a_route, eventually
from pointsman.cluster.client.timing import Timing
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.pki import PracticeCa

# where the other side dies between connect and handshake, ssl gives back a socket that was never connected,
# and urllib3 drops it: the collector closes it, with a warning at a moment of its own
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture
async def rig(practice: Practice) -> AsyncIterator[Rig]:
    async with behind_a_proxy(practice) as rig:
        yield rig


async def test_a_slow_line_is_only_slow(rig: Rig) -> None:
    rig.proxy.latency_s = 0.15
    rig.practice.storage.apply(a_route("late"))
    await rig.in_step()


async def test_a_narrow_line_that_is_full_is_no_dead_line(practice: Practice) -> None:
    for number in range(200):
        practice.storage.apply(a_route(f"route-{number:03d}"))
    async with behind_a_proxy(practice, wait=False) as rig:
        rig.proxy.bytes_per_s = 25_000
        seen: set[str] = set()

        def whole() -> bool:
            seen.add(rig.state("HTTPRoute"))
            return rig.all_in("live") and rig.shown() == rig.served()

        await eventually(whole, within_s=30)
        assert seen <= {"loading", "live"}


async def test_cut_connections_go_on_from_where_they_were(rig: Rig) -> None:
    lists_before = lists(rig)
    for number in range(5):
        rig.proxy.reset_all()
        rig.practice.storage.apply(a_route(f"route-{number}"))
        await rig.in_step()
    assert lists(rig) == lists_before, "a cut watch is resumed, not listed again"


def lists(rig: Rig) -> int:
    return sum(
        one.path.endswith("/httproutes") and "watch=1" not in one.query
        for one in rig.practice.server.requests
    )


async def test_an_answer_that_is_cut_in_the_middle_is_no_short_list(practice: Practice) -> None:
    for number in range(200):
        practice.storage.apply(a_route(f"route-{number:03d}"))
    async with behind_a_proxy(practice, wait=False) as rig:
        rig.proxy.cut_after = 4_000
        await asyncio.sleep(1.0)
        rig.proxy.heal()
        await rig.in_step()


@pytest.mark.parametrize("fault", ["pull_the_cable", "stall"])
async def test_silence_is_stale_and_the_answer_live_again(rig: Rig, fault: str) -> None:
    before = time.time()
    getattr(rig.proxy, fault)()
    rig.practice.storage.apply(a_route("unheard"))
    await rig.all_stale()
    stale = rig.cluster.snapshot().state_of("Gateway")
    assert "no answer in time" in stale.detail
    assert f"no news since {time.strftime('%H:%M:%S', time.gmtime(stale.since))} UTC" in stale.detail
    assert before - 2 < stale.since < time.time()
    # nothing happens, so nothing changes: an idle screen stays idle
    await asyncio.sleep(0.3)
    picture = rig.cluster.snapshot()
    await asyncio.sleep(0.5)
    assert rig.cluster.snapshot() is picture
    rig.proxy.heal()
    await rig.in_step()
    assert rig.cluster.snapshot().state_of("Gateway").since >= stale.since


async def test_connections_that_a_nat_forgot_are_made_anew(rig: Rig) -> None:
    # a NAT forgets what was long idle: by then the heartbeat has had its own connection for a while
    await eventually(lambda: any(one.path == "/version" for one in rig.practice.server.requests))
    rig.proxy.lose_connections()
    rig.practice.storage.apply(a_route("unheard"))
    await rig.in_step()


async def test_refused_is_stale_at_once_and_live_again(rig: Rig) -> None:
    await rig.proxy.refuse()
    await rig.all_stale()
    await eventually(lambda: "refused" in rig.cluster.snapshot().state_of("Gateway").detail)
    rig.practice.storage.apply(a_route("meanwhile"))
    rig.practice.storage.delete("HTTPRoute", "shop", "cart")
    rig.practice.storage.apply(a_gateway("second"))
    await rig.proxy.start()
    await rig.in_step()


async def test_another_certificate_is_not_trusted(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = PracticeCa("Other").issue(["127.0.0.1"]).write(tmp_path_factory.mktemp("other"), "server")
    stranger = ApiServer(rig.practice.storage, files.chain_file, files.key_file, TOKEN)
    await stranger.start()
    true_port, rig.proxy.upstream_port = rig.proxy.upstream_port, int(stranger.url.rpartition(":")[2])
    rig.proxy.reset_all()
    await rig.all_stale()
    await eventually(lambda: "not trusted" in rig.cluster.snapshot().state_of("Gateway").detail)
    assert not stranger.requests, "nothing, and no token, reached the stranger"
    rig.proxy.upstream_port = true_port
    rig.proxy.reset_all()
    await rig.in_step()
    await stranger.stop()


Path = Callable[[str, str], bool]


def on_routes(method: str, path: str) -> bool:
    return path.endswith("/httproutes")


@pytest.mark.parametrize("code", [410, 429, 500, 502, 503, 504])
async def test_refusals_of_a_tired_server_are_survived(rig: Rig, code: int) -> None:
    rig.practice.server.faults.fail_next(1 if code == 429 else 3, code, matches=on_routes)
    rig.practice.server.cut_watches()
    rig.practice.storage.apply(a_route("meanwhile"))
    await rig.in_step()


async def test_a_history_that_is_gone_is_stale_until_it_is_listed(rig: Rig) -> None:
    rig.practice.server.faults.fail_next(5, 500, matches=on_routes)
    rig.practice.storage.apply(a_route("lost"))
    rig.practice.storage.compact(cut_watchers=True)
    seen: set[str] = set()

    def whole() -> bool:
        seen.add(rig.state("HTTPRoute"))
        return rig.shown() == rig.served() and rig.state("HTTPRoute") == "live"

    rig.practice.storage.apply(a_route("after"))
    await eventually(whole)
    assert "stale" in seen


async def test_a_gateway_that_answers_for_a_dead_server_is_no_sign_of_life(rig: Rig) -> None:
    rig.practice.server.faults.fail_next(10_000, 503)
    await rig.all_stale()
    assert "503" in rig.cluster.snapshot().state_of("Gateway").detail
    rig.practice.storage.apply(a_route("meanwhile"))
    rig.practice.server.faults.clear()
    await rig.in_step()


async def test_a_refused_heartbeat_is_a_sign_of_life(rig: Rig) -> None:
    rig.practice.server.faults.fail_next(10_000, 403, matches=lambda method, path: path == "/version")
    asked = version_questions(rig)
    await eventually(lambda: version_questions(rig) > asked + 3)
    assert rig.all_in("live")


async def test_retry_after_is_obeyed(rig: Rig) -> None:
    rig.practice.server.faults.fail_next(1, 429, retry_after_s=2, matches=on_routes)
    rig.practice.server.cut_watches()
    await eventually(lambda: rig.state("HTTPRoute") == "stale")
    began = monotonic()
    asked = watched(rig)
    await rig.all_live()
    assert monotonic() - began > 1.5
    assert watched(rig) == asked + 1


def watched(rig: Rig) -> int:
    return sum(
        one.path.endswith("/httproutes") and "watch=1" in one.query for one in rig.practice.server.requests
    )


async def test_a_quiet_cluster_costs_almost_nothing_and_changes_nothing(rig: Rig) -> None:
    await eventually(lambda: all(one.state != "loading" for one in rig.cluster.snapshot().kinds.values()))
    await asyncio.sleep(0.5)
    picture, accepted = rig.cluster.snapshot(), rig.proxy.accepted
    sent, heard, beats = rig.proxy.bytes_to_server, rig.cluster.heard, version_questions(rig)
    await asyncio.sleep(1.5)
    assert rig.cluster.snapshot() is picture
    assert rig.cluster.heard > heard, "the heartbeat says how fresh it is"
    beats = version_questions(rig) - beats
    assert beats >= 3
    assert rig.proxy.accepted == accepted, "no new connections"
    assert (rig.proxy.bytes_to_server - sent) / beats < 500


def version_questions(rig: Rig) -> int:
    return sum(one.path == "/version" for one in rig.practice.server.requests)


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_sequence_of_faults_and_writes_ends_in_the_truth(practice: Practice, seed: int) -> None:
    # a watch that died alone and without a word, while the heartbeat's connection lives, is found out by its
    # bookmark that does not come
    async with behind_a_proxy(practice, replace(QUICK, watch_read_s=3.0)) as rig:
        await any_sequence(rig, seed)


async def any_sequence(rig: Rig, seed: int) -> None:
    dice = random.Random(seed)
    proxy, server, storage = rig.proxy, rig.practice.server, rig.practice.storage
    matches: Path = lambda method, path: path != "/version"  # noqa: E731
    faults: list[Callable[[], object]] = [
        proxy.reset_all,
        proxy.pull_the_cable,
        proxy.lose_connections,
        proxy.stall,
        proxy.heal,
        proxy.heal,
        server.cut_watches,
        lambda: storage.compact(cut_watchers=True),
        lambda: server.faults.fail_next(
            dice.randrange(1, 6), dice.choice([410, 429, 500, 503]), matches=matches
        ),
        lambda: server.faults.drop_next(dice.randrange(1, 6), matches=matches),
        lambda: setattr(proxy, "latency_s", dice.uniform(0, 0.1)),
        lambda: setattr(proxy, "bytes_per_s", dice.choice([0, 20_000])),
    ]
    for _ in range(35):
        if dice.random() < 0.3:
            dice.choice(faults)()
        number = dice.randrange(12)
        make = dice.choice([a_route, a_gateway, a_service])
        document = make(f"thing-{number}")
        if dice.random() < 0.4:
            storage.delete(document["kind"], document["metadata"]["namespace"], document["metadata"]["name"])
        else:
            document["metadata"]["labels"] = {"turn": str(dice.random())}
            storage.apply(document)
        await asyncio.sleep(dice.uniform(0, 0.15))
    proxy.heal()
    server.faults.clear()
    await rig.in_step(within_s=20)


@pytest.mark.real
@pytest.mark.parametrize("fault", ["pull_the_cable", "stall"])
async def test_with_the_true_intervals_silence_is_told_within_20_s(practice: Practice, fault: str) -> None:
    """Needs nothing but half a minute."""
    async with behind_a_proxy(practice, Timing()) as rig:
        await asyncio.sleep(6.0)
        getattr(rig.proxy, fault)()
        await rig.all_stale(within_s=20.0)
        rig.practice.storage.apply(a_route("unheard"))
        rig.proxy.heal()
        await rig.in_step(within_s=15.0)
