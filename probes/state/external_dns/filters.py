"""Label selectors as external-dns's filters are written: ``a=b,c!=d,e in (x,y),!f``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ....cluster.objects import LabelSelector, SelectorRequirement
from ....cluster.rules.semantics import selector_matches

# a comma within brackets does not part requirements
_PARTS = re.compile(r",(?![^()]*\))")
_SET = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(r"^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$")
_KEY = re.compile(r"^(!?)\s*([^\s=!()]+)$")


def matches(selector: str, labels: Mapping[str, str]) -> bool | None:
    """Whether ``labels`` are let through; None where the filter cannot be read. An empty one is no filter."""
    if not selector.strip():
        return True
    parsed = _parse(selector)
    return None if parsed is None else selector_matches(parsed, labels)


def _parse(text: str) -> LabelSelector | None:
    found: list[SelectorRequirement] = []
    for part in (piece.strip() for piece in _PARTS.split(text)):
        if by_set := _SET.match(part):
            values = tuple(value.strip() for value in by_set[3].split(","))
            found.append(
                SelectorRequirement(
                    key=by_set[1], operator="In" if by_set[2] == "in" else "NotIn", values=values
                )
            )
        elif equal := _EQUAL.match(part):
            operator = "NotIn" if equal[2] == "!=" else "In"
            found.append(SelectorRequirement(key=equal[1], operator=operator, values=(equal[3],)))
        elif key := _KEY.match(part):
            found.append(SelectorRequirement(key=key[2], operator="DoesNotExist" if key[1] else "Exists"))
        else:
            return None
    return LabelSelector(match_expressions=tuple(found))
