"""Every rule: id, name, title, why it matters, how to mend it. ``pointsman explain ID`` prints it.

Families: GW gateway state, MIG ingress twin and migration, TLS, DNS, HTTP, PAR parity, MON the watch,
CUT the cutover. One module a family; ids are never reused.
"""

from __future__ import annotations

from .cutover import CUTOVER_RULES
from .dns import DNS_RULES
from .gateway import GATEWAY_RULES
from .http import HTTP_RULES
from .idle import IDLE_RULES
from .migration import MIGRATION_RULES
from .own_checks import OWN_CHECK_RULES
from .parity import PARITY_RULES
from .request import REQUEST_RULES
from .rule import Rule
from .tls import TLS_RULES
from .watch import WATCH_RULES

__all__ = ["RULES", "Rule", "rule"]


def _index(*families: tuple[Rule, ...]) -> dict[str, Rule]:
    index: dict[str, Rule] = {}
    for family in families:
        for entry in family:
            if entry.id in index:
                raise ValueError(f"rule id {entry.id} stands in the catalogue twice")
            index[entry.id] = entry
    return index


RULES = _index(
    GATEWAY_RULES,
    MIGRATION_RULES,
    REQUEST_RULES,
    TLS_RULES,
    DNS_RULES,
    HTTP_RULES,
    PARITY_RULES,
    WATCH_RULES,
    CUTOVER_RULES,
    IDLE_RULES,
    OWN_CHECK_RULES,
)


def rule(rule_id: str) -> Rule:
    """The catalogue's entry. Raises KeyError for an unknown id."""
    return RULES[rule_id]
