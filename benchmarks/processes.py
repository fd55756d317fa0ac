"""What processes have used, by the system's own account in /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all that descend from it now."""
    found = [pid]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
            for task in tasks:
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def cpu_s(*pids: int) -> float:
    """CPU seconds that these processes have used so far, with the children that each has waited for."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, cutime, cstime: proc(5)
        total += sum(map(int, fields[11:15])) / _TICKS
    return total


def tree_cpu_s(pid: int) -> float:
    """The same of a process and all that descend from it."""
    return cpu_s(*tree(pid))


def resident_mib(pid: int) -> float:
    """Memory that a process and all that descend from it hold now."""
    return _sum_of("VmRSS", pid)


def peak_mib(pid: int) -> float:
    """The most that each of them has held since it was started."""
    return _sum_of("VmHWM", pid)


def _sum_of(name: str, pid: int) -> float:
    total = 0.0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
    return total
