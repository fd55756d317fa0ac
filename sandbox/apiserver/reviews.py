"""The answers to "who am I" and "what may I do": reviews are computed, never kept."""

from __future__ import annotations

from typing import Any

from .access import Asked, Policy, User
from .kinds import Resource
from .objects import timestamp
from .problems import ApiError, bad_request, invalid
from .registry import Registry

Json = dict[str, Any]


def answer_review(resource: Resource, body: Json, user: User, policy: Policy, registry: Registry) -> Json:
    """The review object with its status. Raises ApiError 400 or 422 for one that asks nothing."""
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise bad_request(f"{resource.kind}: spec must be an object")
    answer: Json = {
        "kind": resource.kind,
        "apiVersion": resource.api_version(),
        "metadata": {"creationTimestamp": timestamp()},
    }
    if resource.kind == "SelfSubjectReview":
        return {**answer, "status": {"userInfo": {"username": user.name, "groups": list(user.groups)}}}
    answer["spec"] = spec
    if resource.kind == "SelfSubjectAccessReview":
        return {**answer, "status": _access(resource, spec, user, policy)}
    return {**answer, "status": _rules(resource, spec, user, policy, registry)}


def _access(resource: Resource, spec: Json, user: User, policy: Policy) -> Json:
    attributes = spec.get("resourceAttributes")
    if attributes:
        asked = Asked(
            attributes.get("verb", ""),
            attributes.get("group", ""),
            attributes.get("resource", ""),
            attributes.get("subresource", ""),
            attributes.get("namespace", ""),
            attributes.get("name", ""),
        )
        allowed = policy.allows(user, asked)
        return (
            {"allowed": True, "reason": "RBAC: allowed by the practice policy"}
            if allowed
            else {"allowed": False}
        )
    if spec.get("nonResourceAttributes"):
        return {"allowed": spec["nonResourceAttributes"].get("verb") == "get"}
    what = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    raise invalid(resource, "", "spec.resourceAttributes", f'Invalid value: "null": {what}')


def _rules(resource: Resource, spec: Json, user: User, policy: Policy, registry: Registry) -> Json:
    namespace = spec.get("namespace") or ""
    if not namespace:
        raise _no_namespace()
    return {
        "resourceRules": [
            {
                "verbs": list(rule.verbs),
                "apiGroups": list(rule.groups),
                "resources": list(rule.resources),
                **({"resourceNames": list(rule.names)} if rule.names else {}),
            }
            for rule in (policy.rules_of(user, namespace, registry) if policy.tells_rules else ())
        ],
        "nonResourceRules": [
            {
                "verbs": ["get"],
                "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/version"],
            }
        ],
        "incomplete": not policy.tells_rules,
    }


def _no_namespace() -> ApiError:
    return bad_request("no namespace on request")
