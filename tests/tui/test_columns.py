"""Which columns are painted again, and what the key bar has room for: worked out, without a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.tui.lines import Line, Span, Tone, plain
from pointsman.tui.widgets.bars import fitting_keys, key_line
from pointsman.tui.widgets.columns import changed_region

RUNS = st.lists(
    st.builds(Span, st.text("ab …─é漢\u0301", max_size=6), st.sampled_from(Tone)), max_size=5
).map(tuple)
NARROW = st.lists(st.builds(Span, st.text("ab …─", max_size=6), st.sampled_from(Tone)), max_size=5).map(tuple)
WIDTH = 24


def look(text_line: Line, width: int) -> list[tuple[str, Tone]]:
    """What a terminal of ``width`` columns shows of characters of one column each; a blank has no colour."""
    cells = [(one, Tone.PLAIN if one == " " else span.tone) for span in text_line for one in span.text]
    return [*cells, *[(" ", Tone.PLAIN)] * width][:width]


@given(NARROW, NARROW, st.integers(1, WIDTH))
def test_what_is_painted_is_all_that_looks_different(old: Line, new: Line, width: int) -> None:
    region = changed_region(old, new, 3, width)
    before, after = look(old, width), look(new, width)
    if region is None:
        assert before == after
        return
    assert (region.y, region.height) == (3, 1)
    assert 0 <= region.x < region.right <= width
    painted = [*before[: region.x], *after[region.x : region.right], *before[region.right :]]
    assert painted == after


@given(RUNS, RUNS)
def test_characters_of_an_unknown_width_paint_the_whole_row(old: Line, new: Line) -> None:
    region = changed_region(old, new, 0, WIDTH)
    if region is not None and any(one in "漢\u0301" for one in plain(old) + plain(new)):
        assert (region.x, region.width) == (0, WIDTH)


def test_of_two_lines_of_one_length_only_the_middle_is_painted() -> None:
    region = changed_region([("abc", 1), ("def", 2)], [("abX", 1), ("def", 2)], 0, 80)
    assert region is not None
    assert (region.x, region.width) == (2, 1)
    assert changed_region([("a", 1), ("  ", 5)], [("a", 1)], 0, 80) is None
    assert changed_region([("a", 1), ("b", 1)], [("ab", 1)], 0, 80) is None


KEYS = (("tab", "side"), ("/", "filter"), ("c", "checklist"), ("?", "help"), ("p", "plans"), ("q", "quit"))


@given(st.integers(0, 120))
def test_keys_are_whole_or_not_there(width: int) -> None:
    shown, way_out = fitting_keys(KEYS, width)
    assert way_out == KEYS[-1]
    assert ("?", "help") in shown
    # in their order, and none before one that is nearer to the front
    others = [key for key in shown if key != ("?", "help")]
    assert others == [key for key in KEYS[:-1] if key[0] != "?"][: len(others)]
    if len(shown) > 1:
        assert sum(len(span.text) for span in (*key_line(shown), *key_line([way_out]))) <= width


@pytest.mark.parametrize(
    ("width", "kept"), [(120, "tab / c ? p"), (57, "tab / c ?"), (46, "tab / ?"), (5, "?")]
)
def test_the_last_ones_give_way_first(width: int, kept: str) -> None:
    assert " ".join(key for key, _ in fitting_keys(KEYS, width)[0]) == kept
