"""What is said of a kind after what happened to it: what could not be read is not known, nor called live."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.client.states import after_failure, combined_state, stale_state
from pointsman.cluster.errors import ApiError, UserError
from pointsman.cluster.snapshot import KindState

STATES = st.builds(
    KindState,
    st.sampled_from(["loading", "live", "stale", "denied", "failed"]),
    st.sampled_from(["", "because"]),
    st.floats(1.0, 2e9),
)
ERRORS = st.builds(
    ApiError,
    st.sampled_from([0, 401, 403, 404, 410, 429, 500, 503]),
    st.sampled_from(["reset", "timeout", "Forbidden"]),
    st.just("it went wrong"),
) | st.just(UserError("the plugin failed"))
HEARD = st.floats(0.0, 2e9)


@given(STATES, ERRORS, HEARD)
def test_no_failure_leaves_a_kind_live(before: KindState, error: UserError, heard: float) -> None:
    after = after_failure(before, error, heard)
    assert after.state in ("stale", "denied", "failed")
    if after.state == "stale":
        assert before.state in ("live", "stale")
        assert after.knows("shop"), "what was known stays known"
        assert error.what in after.detail
    else:
        assert not after.knows("shop")


@given(STATES, ERRORS, ERRORS, HEARD)
def test_what_is_stale_grows_no_younger(
    before: KindState, first: UserError, second: UserError, heard: float
) -> None:
    once = after_failure(before, first, heard)
    twice = after_failure(once, second, heard + 100)
    if once.state == twice.state == "stale":
        assert twice.since == once.since


@given(st.dictionaries(st.sampled_from(["shop", "pay", "edge"]), STATES, min_size=1))
def test_only_namespaces_that_were_read_are_known(scopes: dict[str | None, KindState]) -> None:
    together = combined_state(scopes)
    for namespace in ("shop", "pay", "edge", "other"):
        state = scopes.get(namespace)
        assert together.knows(namespace) == (state is not None and state.state in ("live", "stale"))
    if any(one.state == "stale" for one in scopes.values()):
        assert together.state != "live"


@given(STATES)
def test_the_whole_speaks_for_itself(state: KindState) -> None:
    assert combined_state({None: state}) is state


def test_a_stale_kind_says_since_when_and_why() -> None:
    state = stale_state("connection refused", 1_700_000_000.0)
    assert (state.state, state.since) == ("stale", 1_700_000_000.0)
    assert state.detail == "no news since 22:13:20 UTC: connection refused"


def test_the_same_said_later_is_the_same() -> None:
    assert KindState("live", "", 1.0).says_the_same_as(KindState("live", "", 2.0))
    assert not KindState("live", "").says_the_same_as(KindState("live", "asked every 30 s"))
    assert not KindState("live").says_the_same_as(KindState("live", namespaces=("shop",)))
    assert not KindState("stale", "x", 1.0).says_the_same_as(KindState("stale", "x", 2.0))
