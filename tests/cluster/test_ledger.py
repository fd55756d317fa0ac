"""Answers are renewed when what they rest on changes, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.rules.ledger import Ledger, Query


class Cells:
    """Numbers that a ledger knows of."""

    def __init__(self, ledger: Ledger, values: dict[str, int]) -> None:
        self.values = values
        self._ledger = ledger

    def __getitem__(self, name: str) -> int:
        if self._ledger.reading is not None:
            self._ledger.reading[name] = None
        return self.values[name]

    def set(self, **values: int) -> None:
        self.values |= values
        self._ledger.change(values)


def counted(ledger: Ledger, work: Callable[[str], int]) -> tuple[Query[str, int], list[str]]:
    asked: list[str] = []

    def do(key: str) -> int:
        asked.append(key)
        return work(key)

    return ledger_query(ledger, do), asked


def ledger_query(ledger: Ledger, work: Callable[[str], int]) -> Query[str, int]:
    return Query(ledger, work)


def test_an_answer_that_stays_the_same_stops_there() -> None:
    ledger = Ledger()
    cells = Cells(ledger, {"a": 1, "b": 2})
    sign, signs = counted(ledger, lambda key: 1 if cells[key] > 0 else -1)
    total, totals = counted(ledger, lambda key: sign("a") * 10 + cells["b"])
    assert total("x") == 12
    cells.set(a=5)
    assert (signs, totals) == (["a", "a"], ["x"])
    cells.set(a=-5)
    assert total("x") == -8
    assert (len(signs), len(totals)) == (3, 2)
    assert total.changed == {"x"}


def test_what_is_no_longer_read_no_longer_matters() -> None:
    ledger = Ledger()
    cells = Cells(ledger, {"which": 0, "a": 1, "b": 2})
    chosen, asked = counted(ledger, lambda key: cells["b"] if cells["which"] else cells["a"])
    assert chosen("x") == 1
    cells.set(which=1)
    assert chosen("x") == 2
    cells.set(a=100)
    assert (chosen("x"), len(asked)) == (2, 2)


def test_an_answer_that_nobody_reads_any_more_is_dropped() -> None:
    ledger = Ledger()
    cells = Cells(ledger, {"which": 0, "a": 1})
    inner, _ = counted(ledger, lambda key: cells[key])
    outer, _ = counted(ledger, lambda key: 0 if cells["which"] else inner("a"))
    assert outer("x") == 1
    cells.set(which=1)
    assert not inner.nodes
    outer.forget("x")
    assert not outer.nodes
    cells.set(a=3, which=0)
    assert outer("x") == 3


def test_what_a_question_raises_comes_out() -> None:
    ledger = Ledger()
    cells = Cells(ledger, {"a": 1})
    ratio, _ = counted(ledger, lambda key: 10 // cells[key])
    assert ratio("a") == 10
    with pytest.raises(ZeroDivisionError):
        cells.set(a=0)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=8, max_size=8),
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(-2, 2), min_size=1), max_size=6),
)
def test_layers_of_answers_are_what_they_would_be_anew(
    wiring: list[tuple[int, int]], changes: list[dict[str, int]]
) -> None:
    """Each answer reads two lower ones; which of the two it takes hangs on the first, so reads change."""
    ledger = Ledger()
    cells = Cells(ledger, dict.fromkeys("abcd", 0))

    def work(number: int) -> int:
        if number < 4:
            return cells["abcd"[number]]
        left, right = (wiring[number - 4][0] % number, wiring[number - 4][1] % number)
        first = answer(left)
        return max(first, 0) if first % 2 else answer(right) + first

    answer: Query[int, int] = Query(ledger, work)
    numbers = range(12)
    for change in [{}, *changes]:
        cells.set(**change)
        anew: dict[int, int] = {}
        for number in numbers:
            if number < 4:
                anew[number] = cells.values["abcd"[number]]
                continue
            left, right = (wiring[number - 4][0] % number, wiring[number - 4][1] % number)
            first = anew[left]
            anew[number] = max(first, 0) if first % 2 else anew[right] + first
        assert [answer(number) for number in numbers] == [anew[number] for number in numbers]
