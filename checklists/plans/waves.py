"""Many hosts in waves: which of them go together, which go first, and the plan of one wave. Pure."""

from __future__ import annotations

from dataclasses import replace

from .model import Plan


def wave_plan(plan: Plan, index: int) -> Plan:
    """The plan of one wave (from 0), as if its hosts were all: for them, everything else stays as it is.

    The name stays as well, so that several hosts are confirmed by what their operator knows; one host by
    itself. A plan without waves is one wave. IndexError where there is no such wave.
    """
    waves = plan.waves or (plan.hosts,)
    hosts = waves[index]
    return replace(
        plan,
        hosts=hosts,
        paths=tuple(
            replace(path, hosts=tuple(host for host in path.hosts if host in hosts))
            for path in plan.paths
            if not path.hosts or set(path.hosts) & set(hosts)
        ),
        waves=(),
        other_hosts=tuple(host for wave in waves if wave is not hosts for host in wave),
    )
