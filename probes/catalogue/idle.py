"""CUT06x: whether the old side is idle, and may be retired."""

from __future__ import annotations

from .rule import Rule

IDLE_RULES: tuple[Rule, ...] = (
    Rule(
        id="CUT060",
        name="old-side-idle",
        title="The old side's own counter shows nobody but our probes, for long enough",
        why="DNS alone cannot tell who still uses an address; only the side that is asked can",
        mend="wait: the count goes on as long as the run soaks, and the gate is asked again by itself",
        source="zero in T bounds the rate at 3/T (95 %)",
    ),
    Rule(
        id="CUT061",
        name="old-side-used",
        title="Somebody still uses the old side",
        why="what asks the old address now will fail the moment the old side is gone",
        mend="find the client in the old side's access log by host: a pinned address, a JVM that never asks "
        "DNS again, a monitor, an open connection",
    ),
    Rule(
        id="CUT062",
        name="old-side-not-counted",
        title="The old side's requests are counted, all of them",
        why="where a pod is not asked, or an Ingress is gone, a counter shows zero while clients come",
        mend="name the old controller's pods under traffic.old in the plan; put back what is missing",
    ),
    Rule(
        id="CUT063",
        name="ttl-raised-too-early",
        title="The TTL stays low until the old side is retired",
        why="a rollback reaches clients only after the TTL that they were given",
        mend="lower it again; raise it after the old side is gone",
    ),
)
