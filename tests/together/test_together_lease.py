"""The Lease: one run wherever it is, forbidden, lost, deleted, run out, given up; over real TLS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.checklists.machine.view import RunView, SideView, WatchView
from pointsman.checklists.running.followed_lease import FollowedLease
from pointsman.checklists.running.holding import HeldElsewhereError, Holder
from pointsman.checklists.running.leasing import LeaseKeeper, lease_name, take_hold
from pointsman.checklists.running.ports import since_boot
from pointsman.checklists.running.progress import HOLDER, PROGRESS
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.write import acquire_lease
from pointsman.cluster.errors import ApiError, UserError
from together_kit import HOST, PLAN, T0, Api, api_server, until

NAME = lease_name((HOST,))
ANA = Holder("aaaa1111", "ana@desk", "store", (HOST,), T0, 1)
BEN = Holder("bbbb2222", "ben@laptop", "store", (HOST,), T0, 2)


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_server(tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def api(one_server: Api) -> Iterator[Api]:
    """The server as it was in the beginning."""
    yield one_server
    one_server.call(one_server.server.policy.denials.clear)
    for lease in one_server.leases():
        name = lease["metadata"]["name"]
        one_server.call(lambda name=name: one_server.storage.delete("Lease", "infra", name))  # type: ignore[misc]


@pytest.fixture
def own_api(tmp_path: Path) -> Iterator[Api]:
    """One to be stopped."""
    with api_server(tmp_path) as server:
        yield server


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def connection(api: Api, ending: ExitStack) -> Connection:
    found = connect(str(api.kubeconfig))
    ending.callback(found.close)
    return found


def keeper(
    connection: Connection,
    holder: Holder,
    *,
    duration_s: int = 60,
    every_s: float = 0.1,
    elapsed: Callable[[], float] = since_boot,
) -> LeaseKeeper:
    return LeaseKeeper(connection, "infra", holder, duration_s=duration_s, every_s=every_s, elapsed=elapsed)


def a_view(phase: str = "watch", errors: int = 0) -> RunView:
    new = SideView("127.0.0.3", 20, errors, buckets=((2, errors),))
    watch = WatchView("INCONCLUSIVE", T0, T0 + 60, new, SideView("127.0.0.2", 21), float("inf"), 1000.0)
    return RunView(
        "aaaa1111", (HOST,), phase, watch=watch, message="says \x1b[31m this", plan_name="store",  # type: ignore[arg-type]
        now=T0 + 30, operator="ana@desk", journal_length=7, journal_head="ab" * 32,
    )  # fmt: skip


def test_the_second_operator_is_told_who_and_since_when(
    api: Api, connection: Connection, ending: ExitStack
) -> None:
    ana = keeper(connection, ANA)
    ana.begin()
    ending.callback(ana.release)
    assert ana.holding().held
    lease = api.leases()[0]
    assert lease["metadata"]["name"] == NAME
    assert lease["spec"]["holderIdentity"] == "ana@desk/aaaa1111"
    assert json.loads(lease["metadata"]["annotations"][HOLDER])["hosts"] == [HOST]
    with pytest.raises(HeldElsewhereError) as caught:
        keeper(connection, BEN).begin()
    for told in (HOST, "ana@desk", "run aaaa1111", f"Lease infra/{NAME}", f"pointsman follow --host {HOST}"):
        assert told in str(caught.value)


def test_one_common_host_is_enough(connection: Connection, ending: ExitStack) -> None:
    ana = keeper(connection, replace(ANA, hosts=(HOST, "cart.shop.test")))
    ana.begin()
    ending.callback(ana.release)
    with pytest.raises(HeldElsewhereError, match=r"cart\.shop\.test is in the hands of ana@desk"):
        keeper(connection, replace(BEN, hosts=("cart.shop.test", "docs.shop.test"))).begin()
    # and what was taken for the look is free again
    carl = keeper(connection, replace(BEN, hosts=("docs.shop.test",)))
    carl.begin()
    carl.release()


def test_the_same_run_takes_its_own_lease_again_at_once(connection: Connection, ending: ExitStack) -> None:
    keeper(connection, ANA, every_s=600).begin()
    again = keeper(connection, ANA)
    again.begin()
    ending.callback(again.release)
    assert again.holding().held


def test_what_is_given_up_is_free_and_keeps_its_last_word(api: Api, connection: Connection) -> None:
    ana = keeper(connection, ANA)
    ana.begin()
    ana.publish(a_view("done"))
    ana.release()
    lease = api.leases()[0]
    assert not lease["spec"].get("holderIdentity")
    assert json.loads(lease["metadata"]["annotations"][PROGRESS])["phase"] == "done"
    ben = keeper(connection, BEN)
    ben.begin()
    assert ben.holding().held
    ben.release()


@pytest.mark.parametrize("verb", ["create", "list"])
def test_forbidden_leases_leave_the_locks_of_this_machine(
    api: Api, connection: Connection, ending: ExitStack, verb: str
) -> None:
    api.call(lambda: api.server.policy.deny([verb], ["leases"]))
    ana = keeper(connection, ANA)
    ana.begin()
    ending.callback(ana.release)
    assert ana.holding().held
    assert ("only the locks on this machine" in ana.holding().detail) is (verb == "create")


def test_a_lease_that_ran_out_is_taken_and_its_holder_told(connection: Connection, ending: ExitStack) -> None:
    offset = [0.0]
    ana = keeper(connection, ANA, duration_s=1, every_s=600, elapsed=lambda: since_boot() + offset[0])
    ana.begin()
    ending.callback(ana.release)
    ben = keeper(connection, BEN)

    def taken() -> bool:
        try:
            ben.begin()
        except HeldElsewhereError:
            return False
        return True

    until(taken, 5)
    ending.callback(ben.release)
    # the first one has slept: by its own clock it knows that it may have lost it, before it has asked
    offset[0] = 5.0
    assert not ana.holding().held
    assert "not renewed for 1 s" in ana.holding().detail
    ana.publish(a_view())
    until(lambda: "ben@laptop" in ana.holding().detail, 5, lambda: ana.holding())
    assert not ana.holding().held
    assert ben.holding().held


def test_a_deleted_lease_is_taken_anew(api: Api, connection: Connection, ending: ExitStack) -> None:
    ana = keeper(connection, ANA)
    ana.begin()
    ending.callback(ana.release)
    assert api.call(lambda: api.storage.delete("Lease", "infra", NAME))
    until(lambda: api.leases(), 5)
    assert ana.holding().held


def test_a_silent_server_costs_the_holding_only_when_the_lease_runs_out(
    own_api: Api, ending: ExitStack
) -> None:
    now = [0.0]
    connection = connect(str(own_api.kubeconfig))
    ending.callback(connection.close)
    ana = keeper(connection, ANA, elapsed=lambda: now[0])
    ana.begin()
    ending.callback(ana.release)
    own_api.loop.run(own_api.server.stop())
    now[0] = 59.0
    assert ana.holding().held
    now[0] = 61.0
    until(lambda: not ana.holding().held, 5)
    assert "was not renewed for 60 s" in ana.holding().detail


def test_an_unreachable_server_at_the_start_is_no_holding(own_api: Api, ending: ExitStack) -> None:
    own_api.loop.run(own_api.server.stop())
    connection = connect(str(own_api.kubeconfig))
    ending.callback(connection.close)
    ana = keeper(connection, ANA)
    ana.begin()
    ending.callback(ana.release)
    assert not ana.holding().held
    assert "not known whether somebody else holds" in ana.holding().detail


def test_a_refused_hold_leaves_no_lock(
    api: Api, connection: Connection, ending: ExitStack, tmp_path: Path
) -> None:
    ana = keeper(connection, ANA)
    ana.begin()
    for _ in range(2):
        with pytest.raises(HeldElsewhereError, match="by the Lease"):
            take_hold(PLAN, BEN, connection, elapsed=since_boot, state_dir=tmp_path / "state")
    ana.release()
    hold = take_hold(PLAN, BEN, connection, elapsed=since_boot, state_dir=tmp_path / "state")
    hold.release()


def test_progress_can_be_followed_by_whoever_may_read_leases(
    api: Api, connection: Connection, ending: ExitStack
) -> None:
    ana = keeper(connection, ANA, every_s=600)
    ana.begin()
    with pytest.raises(UserError, match="says nothing of a run"):
        FollowedLease.find(connection, (HOST,))
    ana.publish(a_view("confirm"))
    until(lambda: PROGRESS in api.leases()[0]["metadata"]["annotations"], 5)
    followed = FollowedLease.find(connection, (HOST,), "infra")
    ending.callback(followed.stop)
    assert followed.view().phase == "confirm"
    assert "carried out by ana@desk" in followed.view().read_only
    # a new phase is published at once, and seen within the two seconds of a look
    ana.publish(a_view("watch", errors=3))
    view = followed.wait(lambda view: view.phase == "watch", 4)
    assert view.watch is not None
    assert (view.watch.new.requests, view.watch.new.errors) == (20, 3)
    assert view.watch.evidence == 1e300
    assert "\x1b" not in view.message
    assert followed.worked_on
    ana.release()
    view = followed.wait(lambda view: "has left it" in view.message, 4)
    assert not followed.worked_on
    api.call(lambda: api.storage.delete("Lease", "infra", NAME))
    view = followed.wait(lambda view: not view.journal_ok, 4)
    assert "cannot be read any more" in view.message
    until(lambda: not followed.alive, 2)


def test_nobody_to_follow_is_said(connection: Connection) -> None:
    with pytest.raises(UserError, match="no Lease tells of a cutover of"):
        FollowedLease.find(connection, (HOST,))


def test_what_others_write_into_an_annotation_breaks_nothing(
    connection: Connection, ending: ExitStack
) -> None:
    labels = {"app.kubernetes.io/managed-by": "pointsman"}
    for number, text in enumerate(("", "[]", "{", '{"hosts": "x"}', '{"hosts": [1]}', "\U0001f600" * 9)):
        acquire_lease(
            connection, "infra", f"other-{number}", "mallory", labels=labels,
            annotations={HOLDER: text, PROGRESS: text},
        )  # fmt: skip
    ana = keeper(connection, ANA)
    ana.begin()
    ana.release()
    with pytest.raises(UserError):
        FollowedLease.find(connection, ("x",))
    assert isinstance(ApiError(403, "Forbidden", "x"), UserError)
