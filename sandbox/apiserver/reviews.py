"""The answers to "who am I" and "what may I do": reviews are computed, never kept."""

from __future__ import annotations

from typing import Any

from .access import Asked, Policy, User
from .kinds import Resource
from .objects import timestamp
from .problems import ApiError, bad_request
from .registry import Registry

Json = dict[str, Any]


def answer_review(resource: Resource, body: Json, user: User, policy: Policy, registry: Registry) -> Json:
    """The review object with its status. Raises ApiError 400 or 422 for one that asks nothing."""
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise bad_request(f"{resource.kind}: spec must be an object")
    answer: Json = {"kind": resource.kind, "apiVersion": resource.api_version(), "metadata": {}}
    if resource.kind == "SelfSubjectReview":
        answer["metadata"] = {"creationTimestamp": timestamp()}
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
        asked_path = spec["nonResourceAttributes"]
        allowed = policy.allows_path(user, asked_path.get("verb", ""), asked_path.get("path", ""))
        return {"allowed": allowed}
    what = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
    field = "spec.resourceAttributes"
    causes = [{"reason": "FieldValueInvalid", "message": what, "field": field}]
    # the real server names no kind here
    said = f'.{resource.group} "" is invalid: {field}: {what}'
    raise ApiError(422, "Invalid", said, {"group": resource.group, "causes": causes})


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
            {"verbs": list(verbs), "nonResourceURLs": list(paths)}
            for verbs, paths in policy.path_rules_of(user)
        ],
        "incomplete": not policy.tells_rules,
    }


def _no_namespace() -> ApiError:
    return bad_request("no namespace on request")
