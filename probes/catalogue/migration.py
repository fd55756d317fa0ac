"""MIG: what stands between an Ingress and its successor."""

from __future__ import annotations

from .rule import Rule

MIGRATION_RULES: tuple[Rule, ...] = (
    Rule(
        "MIG001",
        "ingress-has-a-twin",
        "A host of an Ingress is also answered by a route",
        "Both sides can serve it; DNS decides which one does.",
        "Compare the two before the cutover, and keep the Ingress until the soak is over.",
    ),
    Rule(
        "MIG002",
        "ingress-backend-missing",
        "A backend of the Ingress does not exist",
        "The old side answers 503 for that path, so it is no measure for the new side.",
        "Create the Service, or correct the Ingress.",
    ),
)
