"""CUT: the cutover itself."""

from __future__ import annotations

from .rule import Rule

CUTOVER_RULES: tuple[Rule, ...] = (
    Rule(
        id="CUT001",
        name="route-not-ready",
        title="A route is accepted by every parent, for the generation that is there now",
        why="a route that is not accepted, or whose references do not resolve, answers 404 or 500",
        mend="read the condition's message, mend the route or what it refers to, and run the checks again",
        source="GEP-1364, status and conditions of the Gateway API",
    ),
    Rule(
        id="CUT002",
        name="no-route-for-host",
        title="Every host has a route on the new Gateway",
        why="without a route for its name the new side answers 404 to every request of that host",
        mend="create the HTTPRoute with this hostname and a parentRef to the Gateway, or correct the plan",
        source="Gateway API: hostnames of HTTPRoute and Listener",
    ),
    Rule(
        id="CUT003",
        name="listener-not-ready",
        title="The Gateway and the listener that the route goes through are programmed",
        why="a listener that is not programmed, or conflicts with another, takes no connections",
        mend="read the listener's conditions: port, protocol, hostname and certificate reference",
        source="GEP-1364, listener conditions",
    ),
    Rule(
        id="CUT004",
        name="cluster-not-known",
        title="The cluster's objects are known and current",
        why="what cannot be read cannot be judged, and a gate does not open on a guess",
        mend="name a kubeconfig and a context that may list these kinds, and run the checks again; where "
        "there is no cluster to ask, `checklist: without-cluster` in a plan without `ingress` asks a person",
    ),
    Rule(
        id="CUT005",
        name="old-ingress-gone",
        title="The old Ingress objects stand",
        why="without its Ingress the old side answers 404, and a rollback would lead clients there",
        mend="put the Ingress back before anything else is changed",
    ),
    Rule(
        id="CUT006",
        name="old-side-idle-not-proven",
        title="No client uses the old side any more",
        why="resolvers that stretch TTLs and connections that stay open use the old side for hours or days",
        mend="keep the old side for 48 hours, and until its request counter shows our probes only",
    ),
    Rule(
        id="CUT007",
        name="watch-without-result",
        title="The watch after the switch came to a result",
        why="errors after the switch would go unseen",
        mend="let the watch run to its end",
    ),
)
