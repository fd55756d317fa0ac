"""MIG: what stands between an Ingress and its successor."""

from __future__ import annotations

from .rule import Rule

MIGRATION_RULES: tuple[Rule, ...] = ()
