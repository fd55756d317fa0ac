"""What kubectl and HTTP clients are told by the real API server and by the practice one, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_admin import Admin
from live_apiserver import LiveServer
from transcript_sides import Side, fill, practice_side, real_side, the_shop
from transcript_stories import ALLOWED, STORIES
from transcripts_kit import Compared, play, unexplained

# one worker plays all stories (--dist loadfile), so that the last test sees what all of them met
pytestmark = pytest.mark.live
BUNDLE = "v1.6.1-experimental"


@dataclass
class Sides:
    real: Side
    practice: Side


@pytest.fixture(scope="module")
def sides(
    live_api: LiveServer,
    admin: Admin,
    newest_crds: list[str],
    shared: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sides]:
    """Both with the official CRDs of one release and the shop."""
    folder = tmp_path_factory.mktemp("transcripts")
    admin.sweep()
    with real_side(live_api, admin, folder / "real") as real, practice_side(folder / "practice") as practice:
        second = Admin(practice)  # type: ignore[arg-type]
        second.install_crds(shared / "crds" / BUNDLE)
        for one in (admin, second):
            fill(one, the_shop())
        yield Sides(real, practice)
    admin.sweep()


@pytest.fixture(scope="module")
def played() -> dict[str, list[Compared]]:
    return {}


@pytest.mark.parametrize("story", STORIES)
def test_both_say_the_same(sides: Sides, played: dict[str, list[Compared]], story: str) -> None:
    played[story] = play(STORIES[story], sides.real, sides.practice)
    wrong, _ = unexplained(played[story], ALLOWED)
    assert not wrong, f"{len(wrong)} of {len(played[story])} differ:\n\n" + "\n\n".join(wrong)


def test_every_allowed_difference_is_still_one(played: dict[str, list[Compared]]) -> None:
    if played.keys() != STORIES.keys():
        pytest.skip("only some of the stories were played")
    met = set()
    for story in played.values():
        met |= unexplained(story, ALLOWED)[1]
    gone = [known for known in ALLOWED if known not in met]
    assert not gone, f"these differ no more, or are never reached: {gone}"
