"""Whether NetworkPolicies let the new proxies reach the backends, as they let the old ones.

API: NetworkPolicy (policies on a pod add up; one that selects it shuts out all that none admits).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....cluster.kubernetes_objects import NetworkPolicy, NetworkPolicyPeer, Workload
from ....cluster.objects import LabelSelector
from ....cluster.refs import ObjectRef
from ....cluster.rules.semantics import selector_matches
from ....cluster.text import clean
from ..world import World
from .context import Context

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
# the controller's own pods are the proxies
_PROXY_IS_CONTROLLER = frozenset({"traefik", "kong-kic", "contour", "haproxy-ingress", "airlock"})


@dataclass(frozen=True, slots=True)
class Shut:
    """A Service whose pods the new proxies may not reach. ``unknown``: it cannot be told."""

    service: ObjectRef
    policies: tuple[ObjectRef, ...]
    words: str
    unknown: bool = False


def shut_services(ctx: Context) -> tuple[Shut, ...]:
    """The Services of the twin that NetworkPolicies keep from its Gateways' proxies."""
    found = (_judge(ctx, service) for service in ctx.services)
    return tuple(one for one in found if one is not None)


def _judge(ctx: Context, ref: ObjectRef) -> Shut | None:
    world = ctx.world
    state = world.snapshot.state_of("NetworkPolicy")
    if not state.knows(ref.namespace) and state.state not in ("unseen", "loading"):
        return Shut(ref, (), f"NetworkPolicy objects could not be read ({state.state})", unknown=True)
    service = world.snapshot.services.get(ref)
    policies = world.index.admission_to(service) if service is not None else ()
    if not policies:
        return None
    named = tuple(policy.ref for policy in policies)
    peers = _peers(policies)
    if peers is None:
        return None
    if ctx.controller == "cilium":
        words = "Cilium's proxy is the identity `ingress`, which these policies may or may not mean"
        return Shut(ref, named, words, unknown=True)
    proxies = _proxies(ctx)
    if not proxies:
        return Shut(ref, named, "where the new proxies run is not known", unknown=True)
    if any(peer.ip_block is not None for peer in peers):
        return Shut(
            ref, named, "it goes by addresses, and those of the new proxies are not known", unknown=True
        )
    admitted = [_admits(world, peers, ref.namespace, proxy) for proxy in proxies]
    if None in admitted:
        return Shut(ref, named, "the labels of a namespace could not be read", unknown=True)
    if all(admitted):
        return None
    old = any(_admits(world, peers, ref.namespace, one) for one in world.index.old_controllers)
    shut = proxies[admitted.index(False)]
    words = f"{shut.ref} is not admitted" + (", ingress-nginx is" if old else "")
    return Shut(ref, named, words)


def _peers(policies: Iterable[NetworkPolicy]) -> list[NetworkPolicyPeer] | None:
    """All that is admitted; None where everybody is."""
    peers: list[NetworkPolicyPeer] = []
    for policy in policies:
        for rule in policy.spec.ingress:
            if not rule.from_:
                return None
            peers += rule.from_
    return peers


def _proxies(ctx: Context) -> tuple[Workload, ...]:
    index = ctx.world.index
    labelled = [one for gateway in ctx.gateways for one in index.proxies_of(gateway)]
    if not labelled and ctx.controller in _PROXY_IS_CONTROLLER:
        labelled = list(index.workloads_running(ctx.controller))
    return tuple({one.ref: one for one in labelled}.values())


def _admits(
    world: World, peers: Iterable[NetworkPolicyPeer], own_namespace: str, proxy: Workload
) -> bool | None:
    """Whether any peer means the proxy's pods; None where it hangs on labels that are not known."""
    namespace = proxy.ref.namespace
    labels = world.topology.namespace_labels(namespace)
    pods = proxy.spec.template.metadata.labels
    unsure = False
    for peer in peers:
        if peer.pod_selector is not None and not selector_matches(peer.pod_selector, pods):
            continue
        if peer.namespace_selector is None:
            if peer.pod_selector is not None and namespace == own_namespace:
                return True
            continue
        # every namespace has its own name as a label, whether or not it could be read
        if labels is None and not _asks_for_the_name_only(peer.namespace_selector):
            unsure = True
        elif selector_matches(peer.namespace_selector, labels or {_NAMESPACE_NAME: namespace}):
            return True
    return None if unsure else False


def _asks_for_the_name_only(selector: LabelSelector) -> bool:
    keys = {*selector.match_labels, *(one.key for one in selector.match_expressions)}
    return keys <= {_NAMESPACE_NAME}


def policies_words(shut: Shut) -> str:
    """The policies in words; what is not known of them, where none could be read."""
    if not shut.policies:
        return "whether any NetworkPolicy stands"
    return ", ".join(clean(ref, 200) for ref in shut.policies[:3])
