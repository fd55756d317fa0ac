"""Lines: what fits, what can be copied, what is said."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st
from pointsman.tui.lines import Span, Tone, command, fit, labelled, line, plain, seconds, to_terminal

option_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(st.text(max_size=200), st.integers(0, 120))
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert len(fit(text, width)) == width


@given(st.lists(option_values, min_size=1, max_size=12), st.integers(40, 120))
def test_a_shown_command_is_the_same_command(arguments: list[str], width: int) -> None:
    wanted = ["curl", *arguments]
    rows = [plain(row) for row in command("try", shlex.join(wanted), width)]
    assert rows[0].strip().startswith("try")
    # the shell drops a backslash at the end of a line together with the line's end (POSIX 2.2.1)
    copied = "\n".join(row[12:] for row in rows).replace("\\\n", "")
    assert shlex.split(copied) == wanted


@given(st.lists(words, min_size=1, max_size=40), st.integers(40, 120))
def test_labelled_text_loses_no_word_and_keeps_within_the_width(texts: list[str], width: int) -> None:
    rows = [plain(row) for row in labelled("why", " ".join(texts), width)]
    assert all(len(row) <= width for row in rows)
    assert "".join(row[12:] for row in rows).replace(" ", "") == "".join(texts)


def test_colours_are_only_there_when_asked_for() -> None:
    shown = line("all ", Span("FAIL", Tone.BAD))
    assert to_terminal(shown, colour=False) == "all FAIL"
    assert to_terminal(shown, colour=True) == "all \x1b[1;31mFAIL\x1b[0m"


def test_durations_are_said_as_people_say_them() -> None:
    said = [seconds(value) for value in (0.04, 9.9, 10, 89, 90, 190, 3600, 7500, 172800)]
    assert said == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "89 s",
        "1 min 30 s",
        "3 min 10 s",
        "60 min",
        "2 h 5 min",
        "48 h",
    ]
