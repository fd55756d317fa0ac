"""Kill a whole cutover at every point there is, go on with it, and compare the end.

    python tests/crash/crash_all_points.py [--jobs 6] [--stories done] [--chains 10,25] [--only TEXT]

Takes some twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path


def main() -> int:
    from crash_kit import Worlds, killed_at, point_class, points_of

    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--stories", default="done,rolled-back")
    parser.add_argument("--chains", default="10,25")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="pointsman-crash-"))
    worlds = Worlds(base)
    began, failures, unreached = time.monotonic(), [], []
    tried: Counter[str] = Counter()
    try:
        chains = [int(number) for number in asked.chains.split(",") if number]
        work: list[tuple[str, str, list[str]]] = []
        for story in asked.stories.split(","):
            points = points_of(worlds, f"dry-{story}", story)
            print(f"{story}: {len(points)} points", flush=True)
            chosen = [point for point in points if asked.only in point]
            work += [(f"{story}-{number}", story, [point]) for number, point in enumerate(chosen)]
            work += [(f"{story}-chain-{every}", story, points[every // 2 :: every]) for every in chains]
        with ThreadPoolExecutor(asked.jobs) as pool:
            running = {pool.submit(killed_at, worlds, *one): one for one in work}
            for number, ended in enumerate(as_completed(running), start=1):
                name, story, points = running[ended]
                try:
                    kills, problems = ended.result()
                except AssertionError as error:
                    kills, problems = 0, [f"killed at {points}: {error}"]
                if len(points) > 1:
                    print(f"{name}: killed {kills} times in one cutover", flush=True)
                elif kills:
                    tried[f"{story}: {point_class(points[0])}"] += 1
                else:
                    unreached.append(f"{story}: {points[0]}")
                for problem in problems:
                    failures.append(problem)
                    print(f"FAILED {name}: {problem}", flush=True)
                if number % 50 == 0:
                    print(f"{number} of {len(work)}, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        worlds.close()
    for what, count in sorted(tried.items()):
        print(f"{count:5d}  {what}")
    print("not reached:", *unreached, sep="\n  ")
    print(
        f"{tried.total()} killed and gone on with, {len(failures)} problems, {time.monotonic() - began:.0f} s"
    )
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
