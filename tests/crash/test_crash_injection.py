"""kill -9 at any point of a whole cutover, then go on: the same end, each change of DNS made exactly once.

Here a sample; ``crash_all_points.py`` goes through all of them (docs/crashes.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# this file's own folder, where the others of its kind are
sys.path.insert(0, str(Path(__file__).parent))

from crash_kit import Story, Worlds, killed_at, point_class, points_of

AT_ONCE = 6
EVERY_TH_CLASS = 2


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    made = Worlds(tmp_path)
    yield made
    made.close()


def all_killed(worlds: Worlds, story: Story, points: list[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(
            pool.map(lambda at: killed_at(worlds, f"{story}-{at}", story, [points[at]]), range(len(points)))
        )
    assert [problem for _, problems in ended for problem in problems] == []
    assert [kills for kills, _ in ended] == [1] * len(points)


def test_killed_where_it_hurts_most(worlds: Worlds) -> None:
    all_killed(
        worlds,
        "done",
        [
            "update switch: 1 127.0.0.2 to 1 127.0.0.3 | taken, no answer read#1",
            "apply rehearse: 1 127.0.0.2 to 1 127.0.0.3 | after#1",
        ],
    )


@pytest.mark.real
@pytest.mark.parametrize("story", ["done", "rolled-back"])
def test_one_point_of_each_kind(worlds: Worlds, story: Story) -> None:
    by_class: dict[str, list[str]] = {}
    for point in points_of(worlds, f"dry-{story}", story):
        by_class.setdefault(point_class(point), []).append(point)
    # a different one of each kind in each story: the middle, and the last
    chosen = [points[len(points) // 2] if story == "done" else points[-1] for points in by_class.values()]
    all_killed(worlds, story, chosen[:: 1 if story == "done" else EVERY_TH_CLASS])


@pytest.mark.real
def test_one_cutover_killed_again_and_again(worlds: Worlds) -> None:
    points = points_of(worlds, "dry-chain", "done")
    kills, problems = killed_at(worlds, "chain", "done", points[20::45])
    assert not problems
    assert kills >= 8
