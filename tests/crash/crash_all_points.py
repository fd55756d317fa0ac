"""Kill a whole cutover at every point there is, go on with it, and compare the end.

    python tests/crash/crash_all_points.py [--jobs 6] [--stories done] [--chains 10,25] [--only TEXT]

``--strict``: see docs/crashes.md. Takes some twenty minutes on two cores. What fails is tried once more at
the end, two at a time: on a machine that is too busy requests time out. First failures are printed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from crash_kit import Story, Worlds, killed_at, point_class, points_of

Work = tuple[str, Story, list[str]]


@dataclass
class Count:
    """What came of the cutovers so far."""

    tried: Counter[str] = field(default_factory=Counter)
    unreached: list[str] = field(default_factory=list)
    failed: list[Work] = field(default_factory=list)


def carry_out(worlds: Worlds, work: list[Work], jobs: int, count: Count, strict: bool) -> None:
    """All of ``work``, ``jobs`` at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(killed_at, worlds, *one, strict): one for one in work}
        for number, ended in enumerate(as_completed(running), start=1):
            name, story, points = running[ended]
            try:
                kills, problems = ended.result()
            except AssertionError as error:
                kills, problems = 0, [f"killed at {points}: {error}"]
            for problem in problems:
                print(f"FAILED {name}: {problem}", flush=True)
            if problems:
                count.failed.append(running[ended])
            elif len(points) > 1:
                print(f"{name}: killed {kills} times in one cutover", flush=True)
            elif kills:
                count.tried[f"{story}: {point_class(points[0])}"] += 1
            else:
                count.unreached.append(f"{story}: {points[0]}")
            if number % 50 == 0:
                print(f"{number} of {len(work)}, {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--stories", default="done,rolled-back")
    parser.add_argument("--chains", default="10,25")
    parser.add_argument("--only", default="", help="points with this in their name")
    parser.add_argument(
        "--skip", default="", help="none with this in its name: `query` leaves 300 of 600 out"
    )
    parser.add_argument("--strict", action="store_true", help="coming to rest on the way is a failure, too")
    asked = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="pointsman-crash-"))
    worlds = Worlds(base)
    began, count = time.monotonic(), Count()
    try:
        work: list[Work] = []
        for story in asked.stories.split(","):
            points = points_of(worlds, f"dry-{story}", story)
            print(f"{story}: {len(points)} points", flush=True)
            if story == "rolled-back":
                # up to the switch it is the other story
                points = points[points.index("journal change-proposed/switch | believed#1") :]
            chosen = [point for point in points if asked.only in point]
            chosen = [point for point in chosen if not asked.skip or asked.skip not in point]
            work += [(f"{story}-{number}", story, [point]) for number, point in enumerate(chosen)]
            chains = [int(number) for number in asked.chains.split(",") if number]
            work += [(f"{story}-chain-{every}", story, points[every // 2 :: every]) for every in chains]
        # reading changes nothing: last, what dies over a question
        work.sort(key=lambda one: one[2][0].startswith("query") and len(one[2]) == 1)
        carry_out(worlds, work, asked.jobs, count, asked.strict)
        again, count.failed = [(f"{name}-again", *rest) for name, *rest in count.failed], []
        if again:
            print(f"{len(again)} once more", flush=True)
            carry_out(worlds, again, 2, count, asked.strict)
    finally:
        worlds.close()
    for what, number in sorted(count.tried.items()):
        print(f"{number:5d}  {what}")
    print(f"not reached: {len(count.unreached)}", *count.unreached, sep="\n  ")
    lasted = f"{time.monotonic() - began:.0f} s"
    print(f"{count.tried.total()} killed and gone on with, {len(again)} tried twice, {lasted}")
    print(f"{len(count.failed)} failed")
    return int(bool(count.failed))


if __name__ == "__main__":
    raise SystemExit(main())
