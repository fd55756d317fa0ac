"""What a Prometheus is asked for each controller, made from the same table as the reading of a scrape. Pure.

The queries keep ``instance`` and ``pod``: counters are followed one process at a time, because a sum of them
falls whenever a pod ends. Where a controller's metric is there and no series of it failed, the answer is 0
and not nothing (``or 0 * ...``), so that nothing can mean: absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .facts import FIELDS
from .families import Families, Family

HOSTS = "$hosts"
"""Stands in a query for a pattern of the plan's hosts."""
_BY = ("instance", "pod")


def queries_of(families: Families, own: Mapping[str, str]) -> dict[str, str]:
    """The query of each field of Counts that can be asked, ``own`` ones in place of those shipped."""
    shipped = {name: _query(families, name) for name in FIELDS}
    return {name: query for name, query in {**shipped, **own}.items() if query}


def age_query(families: Families) -> str:
    """How old (seconds) the newest of the samples is that the counts rest on."""
    names = "|".join(family.name for family in families.answers)
    return f'min(time() - timestamp({{__name__=~"{names}"}}))'


def filled_in(query: str, hosts: Iterable[str]) -> str:
    """The query with the hosts in it, any host where none are named; a wildcard stands for one label."""
    patterns = [_pattern(host) for host in hosts]
    return query.replace(HOSTS, "|".join(patterns) or ".+")


def _pattern(host: str) -> str:
    # brackets in place of backslashes, which PromQL's quotes would take
    plain = re.sub(r"[^a-z0-9.*_-]", "", host.lower())
    return plain.replace(".", "[.]").replace("*", "[^.]+")


def _query(families: Families, name: str) -> str:
    sums: list[str] = []
    if name in ("requests", "errors_5xx", "not_found"):
        sums += [text for family in families.answers for text in _of_answers(family, name)]
    sums += [_sum(family) for family in families.more if family.into == name]
    if name == "handshake_failures" and len(sums) > 1:
        # kinds of failure are added up; all else are alternatives
        return _sum_of_all([family for family in families.more if family.into == name])
    return " or ".join(sums)


def _of_answers(family: Family, name: str) -> list[str]:
    if name == "requests":
        return [_sum(family)]
    if name not in family.tells:
        return []
    status = f'{family.status}=~"5.*"' if name == "errors_5xx" else f'{family.status}="404"'
    return [_sum(family, status), f"0 * {_sum(family)}"]


def _sum(family: Family, *more: str) -> str:
    by = ", ".join((*_BY, *((family.host,) if family.host else ())))
    return f"sum by ({by}) ({family.name}{_selector(family, more)})"


def _sum_of_all(families: list[Family]) -> str:
    names = "|".join(family.name for family in families)
    return f'sum by ({", ".join(_BY)}) ({{__name__=~"{names}"}})'


def _selector(family: Family, more: tuple[str, ...]) -> str:
    parts = [f'{label}=~"{pattern}"' for label, pattern in family.only.items()]
    parts += [f'{label}!~"{pattern}"' for label, pattern in family.never.items()]
    if family.host:
        parts.append(f'{family.host}=~"{HOSTS}"')
    parts += more
    return f"{{{','.join(parts)}}}" if parts else ""
