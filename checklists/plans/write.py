"""A derived plan as YAML with its comments: the same bytes for the same facts, whatever the names hold."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import yaml

from ...cluster.text import clean
from .derived import DerivedPlan, Entry, Flow, FlowMap, Scalar

_EMPTY = {True: "{}", False: "[]"}
_COLUMNS = 100
_LONGEST_NOTE = 1_000
_STEP = "  "
# what no reader of any YAML takes for anything but this text, in a block and in a flow
_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9/_.-]+|/|[0-9]+(\.[0-9]+){3}|[0-9]+[hms]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def write_plan(plan: DerivedPlan) -> str:
    """The file's text, ending with a newline."""
    lines = [line for note in plan.head for line in _comment(note, "")]
    for entry in plan.entries:
        # a short field without a comment stands close to the one before it
        if lines and (entry.notes or isinstance(entry.value, tuple)):
            lines.append("")
        lines += _entry(entry, "")
    return "\n".join([*lines, ""])


def _entry(entry: Entry, indent: str) -> Iterator[str]:
    for note in entry.notes:
        yield from _comment(note, indent)
    head = f"{entry.key}:" if entry.key else "-"
    value = entry.value
    if value is None:
        yield f"{indent}# {head} {clean(entry.example, 200)}".rstrip()
    elif isinstance(value, tuple):
        if not any(one.value is not None for one in value):
            yield f"{indent}{head} {_EMPTY[any(one.key for one in value)]}"
        else:
            yield f"{indent}{head}"
        for one in value:
            yield from _entry(one, indent + _STEP)
    else:
        yield f"{indent}{head} {_inline(value)}"


def _comment(note: str, indent: str) -> Iterator[str]:
    text = clean(note, _LONGEST_NOTE)
    first, later = f"{indent}# ", f"{indent}#   "
    yield from textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _inline(value: Scalar | Flow | FlowMap) -> str:
    if isinstance(value, Flow):
        return f"[{', '.join(map(scalar, value.values))}]"
    if isinstance(value, FlowMap):
        return "{" + ", ".join(f"{name}: {_inline(one)}" for name, one in value.fields) + "}"
    return scalar(value)


def scalar(value: Scalar) -> str:
    """One value on one line, which reads back as itself (but for lone surrogates, which no file holds)."""
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    text = _SURROGATES.sub("\ufffd", value)
    dumped: str = yaml.dump(text, default_style='"', width=2**31, allow_unicode=False)
    return dumped.rstrip("\n")
