"""Faults between the live picture and its server: no crash, no wrong "none", recovery without a restart."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from time import monotonic

import pytest
from api_worlds import World, questions_about, until
from chaos_kit import Rig, a_service, behind_a_proxy, quick
from live_helpers import TOKEN, a_gateway, a_route, eventually
from pointsman.cluster.client.timing import Timing
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.verdict import Verdict
from pointsman.sandbox.apiserver.faults import Faults
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.pki import PracticeCa
from practice_api import PracticeWorld

# where the other side dies between connect and handshake, ssl gives back a socket that was never connected,
# and urllib3 drops it: the collector closes it, with a warning at a moment of its own
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    async with behind_a_proxy(world) as rig:
        yield rig


@pytest.fixture
async def practice_rig(practice_world: PracticeWorld) -> AsyncIterator[Rig]:
    """For answers of the test's choice, which no real server gives."""
    async with behind_a_proxy(practice_world) as rig:
        yield rig


def faults_of(rig: Rig) -> Faults:
    assert isinstance(rig.world, PracticeWorld)
    return rig.world.practice.server.faults


async def test_a_slow_line_is_only_slow(rig: Rig) -> None:
    rig.proxy.latency_s = 0.15
    await rig.world.apply(a_route("late"))
    await rig.in_step()


async def test_a_narrow_line_that_is_full_is_no_dead_line(world: World) -> None:
    for number in range(200):
        await world.apply(a_route(f"route-{number:03d}"))
    async with behind_a_proxy(world, wait=False) as rig:
        rig.proxy.bytes_per_s = 25_000
        seen: set[str] = set()

        def whole() -> bool:
            seen.add(rig.state("HTTPRoute"))
            return rig.all_in("live") and len(rig.cluster.snapshot().routes) == 201

        await eventually(whole, within_s=30 * world.patience, told=rig.told)
        assert seen <= {"loading", "live"}


async def test_cut_connections_go_on_from_where_they_were(rig: Rig) -> None:
    lists_before = await lists(rig)
    for number in range(5):
        rig.proxy.reset_all()
        await rig.world.apply(a_route(f"route-{number}"))
        await rig.in_step()
    assert await lists(rig) == lists_before, "a cut watch is resumed, not listed again"


async def lists(rig: Rig) -> int:
    asked = questions_about(await rig.world.asked(), "httproutes")
    return sum(not one.watches for one in asked)


async def test_an_answer_that_is_cut_in_the_middle_is_no_short_list(world: World) -> None:
    for number in range(200):
        await world.apply(a_route(f"route-{number:03d}"))
    async with behind_a_proxy(world, wait=False) as rig:
        rig.proxy.cut_after = 4_000
        await asyncio.sleep(1.0)
        rig.proxy.heal()
        await rig.in_step()


@pytest.mark.parametrize("fault", ["pull_the_cable", "stall"])
async def test_silence_is_stale_and_the_answer_live_again(rig: Rig, fault: str) -> None:
    before = time.time()
    getattr(rig.proxy, fault)()
    await rig.world.apply(a_route("unheard"))
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
    await until(lambda: version_questions(rig))
    rig.proxy.lose_connections()
    await rig.world.apply(a_route("unheard"))
    await rig.in_step()


async def test_refused_is_stale_at_once_and_live_again(rig: Rig) -> None:
    await rig.proxy.refuse()
    await rig.all_stale()
    await eventually(lambda: "refused" in rig.cluster.snapshot().state_of("Gateway").detail)
    await rig.world.apply(a_route("meanwhile"))
    await rig.world.delete("HTTPRoute", "shop", "cart")
    await rig.world.apply(a_gateway("second"))
    await rig.proxy.start()
    await rig.in_step()


async def test_another_certificate_is_not_trusted(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = PracticeCa("Other").issue(["127.0.0.1"]).write(tmp_path_factory.mktemp("other"), "server")
    stranger = ApiServer(Storage(), files.chain_file, files.key_file, TOKEN)
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
async def test_refusals_of_a_tired_server_are_survived(practice_rig: Rig, code: int) -> None:
    rig = practice_rig
    faults_of(rig).fail_next(1 if code == 429 else 3, code, matches=on_routes)
    rig.proxy.reset_all()
    await rig.world.apply(a_route("meanwhile"))
    await rig.in_step()


async def test_what_is_refused_for_too_many_requests_is_asked_again(practice_rig: Rig) -> None:
    """The practice server only: priority and fairness of a real one, given no seat at all for these requests,
    still serves one at a time, so that no test can be sure of a refusal.
    """
    rig = practice_rig
    faults_of(rig).fail_next(1_000_000, 429, 1, matches=on_routes)
    rig.proxy.reset_all()
    await until(lambda: refused(rig), told=rig.told)
    await eventually(lambda: rig.state("HTTPRoute") == "stale", told=rig.told)
    await eventually(lambda: rig.state("Gateway") == "live", told=rig.told)
    before = await refused(rig)
    await asyncio.sleep(3.0)
    # a second is what the server asks for, and one for each namespace would be a storm
    assert await refused(rig) - before <= 4
    faults_of(rig).clear()
    await rig.world.apply(a_route("meanwhile"))
    await rig.in_step()


async def refused(rig: Rig) -> int:
    return sum(one.status == 429 for one in questions_about(await rig.world.asked(), "httproutes"))


async def test_a_history_that_is_gone_is_listed_again(rig: Rig) -> None:
    listed = await lists(rig)
    await rig.proxy.refuse()
    await rig.all_stale()
    await rig.world.apply(a_route("lost"))
    await rig.world.delete("HTTPRoute", "shop", "lost")
    await rig.world.apply(a_route("kept"))
    await rig.world.forget_history()
    await rig.proxy.start()
    await rig.in_step()
    assert await lists(rig) > listed
    assert {ref.name for ref in rig.cluster.snapshot().routes} == {"cart", "kept"}


async def test_a_history_that_is_gone_is_stale_until_it_is_listed(practice_rig: Rig) -> None:
    """The practice server only: no real one refuses the list that is asked for instead."""
    rig = practice_rig
    assert isinstance(rig.world, PracticeWorld)
    faults_of(rig).fail_next(5, 500, matches=on_routes)
    await rig.world.apply(a_route("lost"))
    rig.world.practice.storage.compact(cut_watchers=True)
    seen: set[str] = set()

    async def whole() -> bool:
        seen.add(rig.state("HTTPRoute"))
        return not await rig.difference()

    await rig.world.apply(a_route("after"))
    await until(whole)
    assert "stale" in seen


async def test_a_server_that_is_stopped_in_its_tracks_is_stale_and_live_again(rig: Rig) -> None:
    await rig.world.freeze()
    await rig.all_stale()
    assert "no answer in time" in rig.cluster.snapshot().state_of("Gateway").detail
    assert len(rig.cluster.snapshot().routes) == 1
    await rig.world.thaw()
    await rig.world.apply(a_route("meanwhile"))
    await rig.in_step()


@pytest.mark.parametrize("gracefully", [False, True], ids=["killed", "asked-to-end"])
async def test_a_server_that_ends_under_us_is_stale_and_its_successor_live(
    rig: Rig, gracefully: bool
) -> None:
    await rig.world.stop(gracefully)
    # one that was asked to end holds its open watches for a minute, and answers nothing else
    await rig.all_stale()
    assert len(rig.cluster.snapshot().routes) == 1, "what was known is kept, and marked"
    findings = diagnose(rig.cluster.snapshot())
    assert any(one.rule == "GW002" and one.verdict is Verdict.UNKNOWN for one in findings)
    await rig.world.start()
    await rig.world.apply(a_gateway("second"))
    await rig.in_step(within_s=20)


async def test_a_gateway_that_answers_for_a_dead_server_is_no_sign_of_life(practice_rig: Rig) -> None:
    rig = practice_rig
    faults_of(rig).fail_next(10_000, 503)
    await rig.all_stale()
    assert "503" in rig.cluster.snapshot().state_of("Gateway").detail
    await rig.world.apply(a_route("meanwhile"))
    faults_of(rig).clear()
    await rig.in_step()


async def test_a_refused_heartbeat_is_a_sign_of_life(practice_rig: Rig) -> None:
    """The practice server only: a real one tells its version to everybody who has a token."""
    rig = practice_rig
    faults_of(rig).fail_next(10_000, 403, matches=lambda method, path: path == "/version")
    asked = await version_questions(rig)
    await until(lambda: more_versions(rig, asked + 3))
    assert rig.all_in("live")


async def more_versions(rig: Rig, than: int) -> bool:
    return await version_questions(rig) > than


async def test_retry_after_is_obeyed(practice_rig: Rig) -> None:
    rig = practice_rig
    faults_of(rig).fail_next(1, 429, retry_after_s=2, matches=on_routes)
    rig.proxy.reset_all()
    await eventually(lambda: rig.state("HTTPRoute") == "stale")
    began = monotonic()
    asked = await watched(rig)
    await rig.all_live()
    assert monotonic() - began > 1.5
    assert await watched(rig) == asked + 1


async def watched(rig: Rig) -> int:
    return sum(one.watches for one in questions_about(await rig.world.asked(), "httproutes"))


async def test_a_quiet_cluster_costs_almost_nothing_and_changes_nothing(rig: Rig) -> None:
    await eventually(lambda: all(one.state != "loading" for one in rig.cluster.snapshot().kinds.values()))
    await asyncio.sleep(0.5)
    picture, accepted = rig.cluster.snapshot(), rig.proxy.accepted
    sent, heard, beats = rig.proxy.bytes_to_server, rig.cluster.heard, await version_questions(rig)
    await asyncio.sleep(1.5)
    assert rig.cluster.snapshot() is picture
    assert rig.cluster.heard > heard, "the heartbeat says how fresh it is"
    beats = await version_questions(rig) - beats
    assert beats >= 3
    assert rig.proxy.accepted == accepted, "no new connections"
    assert (rig.proxy.bytes_to_server - sent) / beats < 500


async def version_questions(rig: Rig) -> int:
    return sum(one.path == "/version" for one in await rig.world.asked())


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_sequence_of_faults_and_writes_ends_in_the_truth(world: World, seed: int) -> None:
    # a watch that died alone and without a word, while the heartbeat's connection lives, is found out by its
    # bookmark that does not come
    async with behind_a_proxy(world, replace(quick(world), watch_read_s=3.0)) as rig:
        await any_sequence(rig, seed)


async def any_sequence(rig: Rig, seed: int) -> None:
    dice = random.Random(seed)
    proxy = rig.proxy
    faults: list[Callable[[], object]] = [
        proxy.reset_all,
        proxy.pull_the_cable,
        proxy.lose_connections,
        proxy.stall,
        proxy.heal,
        proxy.heal,
        lambda: setattr(proxy, "latency_s", dice.uniform(0, 0.1)),
        lambda: setattr(proxy, "bytes_per_s", dice.choice([0, 20_000])),
        *faults_of_the_server(rig, dice),
    ]
    for _ in range(35):
        if dice.random() < 0.3:
            dice.choice(faults)()
        number = dice.randrange(12)
        make = dice.choice([a_route, a_gateway, a_service])
        document = make(f"thing-{number}")
        if dice.random() < 0.4:
            await rig.world.delete(
                document["kind"], document["metadata"]["namespace"], document["metadata"]["name"]
            )
        else:
            document["metadata"]["labels"] = {"turn": str(dice.random())}
            await rig.world.apply(document)
        await asyncio.sleep(dice.uniform(0, 0.15))
    proxy.heal()
    if isinstance(rig.world, PracticeWorld):
        faults_of(rig).clear()
    await rig.in_step(within_s=20)


def faults_of_the_server(rig: Rig, dice: random.Random) -> list[Callable[[], object]]:
    """What else the server itself can be made to do: the practice one all that a real one may."""
    if not isinstance(rig.world, PracticeWorld):
        server = rig.world
        return [lambda: asyncio.ensure_future(pause(server))]
    practice, faults = rig.world.practice, faults_of(rig)
    matches: Path = lambda method, path: path != "/version"  # noqa: E731
    return [
        practice.server.cut_watches,
        lambda: practice.storage.compact(cut_watchers=True),
        lambda: faults.fail_next(dice.randrange(1, 6), dice.choice([410, 429, 500, 503]), matches=matches),
        lambda: faults.drop_next(dice.randrange(1, 6), matches=matches),
    ]


async def pause(world: World) -> None:
    await world.freeze()
    await asyncio.sleep(0.3)
    await world.thaw()


@pytest.mark.real
@pytest.mark.parametrize("fault", ["pull_the_cable", "stall"])
async def test_with_the_true_intervals_silence_is_told_within_20_s(
    practice_world: PracticeWorld, fault: str
) -> None:
    """Needs nothing but half a minute."""
    async with behind_a_proxy(practice_world, Timing()) as rig:
        await asyncio.sleep(6.0)
        getattr(rig.proxy, fault)()
        await rig.all_stale(within_s=20.0)
        await rig.world.apply(a_route("unheard"))
        rig.proxy.heal()
        await rig.in_step(within_s=15.0)
