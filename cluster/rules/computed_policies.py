"""What the conditions of a BackendTLSPolicy ought to be, by the specs.

API: BackendTLSPolicy, PolicyConditionType; GEP-713 and GEP-1897 for who wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..policies import Policy
from ..refs import ObjectRef
from ..text import clean
from .computed import Computed, Doubt, settle
from .computed_authorities import POLICY_WORDS, Authorities, judge_authorities
from .semantics import policy_order
from .topology import Topology


def compute_backend_tls(topology: Topology, policy: Policy) -> tuple[Computed, ...]:
    """Accepted and ResolvedRefs of a BackendTLSPolicy: the same for every ancestor."""
    validation = policy.fields.get("validation")
    validation = validation if isinstance(validation, Mapping) else {}
    authorities = _authorities(topology, policy, validation)
    doubts = [*_target_doubts(topology, policy)]
    if authorities.all_bad:
        doubts.append(Doubt("NoValidCACertificate", authorities.doubts[0].detail))
    elif authorities.unsure:
        doubts.append(Doubt("NoValidCACertificate", authorities.doubts[0].detail, certain=False))
    return settle("Accepted", doubts), settle("ResolvedRefs", authorities.doubts)


def _authorities(topology: Topology, policy: Policy, validation: Mapping[str, Any]) -> Authorities:
    references = validation.get("caCertificateRefs")
    if not isinstance(references, list | tuple) or not references:
        return Authorities()
    return judge_authorities(topology, policy.ref, references, POLICY_WORDS)


def _target_doubts(topology: Topology, policy: Policy) -> Iterator[Doubt]:
    """What stands against the policy on all of its targets: on one that is left it still holds."""
    found = [_target_doubt(topology, policy, target) for target in policy.targets]
    if found and None not in found:
        yield from (one for one in found if one is not None)


def _target_doubt(topology: Topology, policy: Policy, target: ObjectRef) -> Doubt | None:
    shown = clean(target, 200)
    if (target.group, target.kind) == ("", "Service"):
        service = topology.snapshot.services.get(target.whole)
        if service is None:
            known = topology.snapshot.state_of("Service").knows(target.namespace)
            detail = f"{shown} does not exist" if known else f"{shown}: Services could not be read"
            return Doubt("TargetNotFound", detail, certain=known, absent=known)
        if target.section and target.section not in {port.name for port in service.spec.ports}:
            return Doubt("TargetNotFound", f"{shown}: the Service has no port of that name")
    else:
        return Doubt("TargetNotFound", f"{shown}: only its controller can say", certain=False)
    winner = _winner(topology, policy, target)
    if winner is not policy:
        return Doubt("Conflicted", f"{winner.ref} is older, or first by name, and wins on {shown}")
    return None


def _winner(topology: Topology, policy: Policy, target: ObjectRef) -> Policy:
    rivals = [
        one for one in topology.policies_on(target) if (one.group, one.kind) == (policy.group, policy.kind)
    ]
    return min(
        (policy, *(one for one in rivals if one.ref != policy.ref)),
        key=lambda one: policy_order(one.meta.creation_timestamp, one.meta.namespace, one.meta.name),
    )
