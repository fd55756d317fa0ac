"""What happens to a kind, as a KindState: pure functions, so that a watch and a single load say the same."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..errors import ApiError, UserError
from ..snapshot import KindState

ALL = None
Scope = str | None
_NAMED = 5


def live_state(detail: str = "") -> KindState:
    """Read, and followed from now on."""
    return KindState("live", detail, time.time())


def failure_state(error: UserError) -> KindState:
    """What a failed list makes of a kind: denied on 403, failed on everything else."""
    denied = isinstance(error, ApiError) and error.status == 403
    return KindState("denied" if denied else "failed", error.what, time.time(), mend=error.mend)


def stale_state(why: str, since: float) -> KindState:
    """The picture may be old: it was true at ``since`` (Unix time); ``why`` is one clean line."""
    clock = time.strftime("%H:%M:%S", time.gmtime(since))
    return KindState("stale", f"no news since {clock} UTC: {why}", since)


def after_failure(before: KindState, error: UserError, heard: float) -> KindState:
    """What an error makes of a kind that was ``before``. ``heard``: when the server was last heard of.

    What was known stays known, and is marked; only a refusal takes it back.
    """
    failed = failure_state(error)
    if failed.state == "denied" or before.state not in ("live", "stale"):
        return failed
    since = before.since if before.state == "stale" else min(heard or failed.since, failed.since)
    return stale_state(error.what, since)


def limited_state(namespaces: tuple[str, ...], state: str = "live", detail: str = "") -> KindState:
    """The state of a kind that could be read in some namespaces only."""
    more = len(namespaces) - _NAMED
    where = ", ".join(namespaces[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    words = f"only namespace {where}" + (f"; {detail}" if detail else "")
    return KindState("stale" if state == "stale" else "live", words, time.time(), namespaces)


def combined_state(scopes: Mapping[Scope, KindState], note: str = "") -> KindState:
    """One state of a kind that is read as a whole, or in several namespaces each on its own.

    A namespace that could not be read is not among those that are known.
    """
    if ALL in scopes:
        return scopes[ALL]
    usable = {scope: state for scope, state in scopes.items() if state.state in ("live", "stale")}
    if not usable:
        return next(iter(scopes.values()))
    stale = [state for state in usable.values() if state.state == "stale"]
    names = tuple(sorted(str(scope) for scope in usable))
    details = [stale[0].detail if stale else "", note]
    combined = limited_state(names, "stale" if stale else "live", "; ".join(filter(None, details)))
    since = min(state.since for state in stale) if stale else max(state.since for state in usable.values())
    return KindState(combined.state, combined.detail, since, names)
