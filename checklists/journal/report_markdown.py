"""A report as Markdown (CommonMark with tables): every text from outside stays text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...cluster.text import clean
from .chart import words
from .document import Block, Chart, Code, Document, Fact, Facts, Fold, Items, Paragraph, Table

_MARKS = re.compile(r"([\\`*_<>|\[\]#&~@])")
_LONGEST = 4000


def render(document: Document) -> str:
    """The whole document, ending with one newline."""
    lines = [f"# {text(document.title)}", "", *_facts(document.summary), ""]
    for section in document.sections:
        lines += [f"{'#' * section.level} {text(section.title)}", ""]
        for block in section.blocks:
            lines += _block(block)
    return "\n".join(lines).rstrip() + "\n"


def text(words: str, limit: int = _LONGEST) -> str:
    """Text from outside as one line of text: no Markdown, no HTML, no link of its own."""
    shown = _MARKS.sub(r"\\\1", clean(words, limit).strip())
    # what GitHub and others make a link of without being asked
    shown = shown.replace("://", r"\://").replace("www.", r"www\.").replace("WWW.", r"WWW\.")
    # and what would begin a list, a heading or a rule at the beginning of a line
    return re.sub(r"^(\s*)([-+=]|\d+[.)](?=\s|$))", lambda found: found[1] + _escaped(found[2]), shown)


def _escaped(beginning: str) -> str:
    return beginning[:-1] + "\\" + beginning[-1]


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph():
            return [text(block.text), ""]
        case Facts():
            return [*_facts(block), ""]
        case Items():
            return [*(f"- {text(line)}" for line in block.lines), ""]
        case Table():
            return _table(block)
        case Code():
            return _code(block.lines, block.language)
        case Chart():
            return [text(words(block)), ""]
        case Fold():
            return [f"**{text(block.title)}**", "", *(line for one in block.blocks for line in _block(one))]


def _facts(block: Facts) -> Iterable[str]:
    return (f"- {text(row.label)}: {_value(row)}" for row in block.rows)


def _value(row: Fact) -> str:
    if not row.strong:
        return text(row.value)
    first, space, rest = clean(row.value, _LONGEST).strip().partition(" ")
    return f"**{text(first) or '-'}**{space}{text(rest)}"


def _table(block: Table) -> list[str]:
    def row(cells: Iterable[str]) -> str:
        return f"| {' | '.join(text(cell) for cell in cells)} |"

    return [row(block.head), "|" + "---|" * len(block.head), *(row(cells) for cells in block.rows), ""]


def _code(lines: Iterable[str], language: str) -> list[str]:
    shown = [clean(line, _LONGEST) for line in lines]
    # longer than any in the text, so that nothing in it ends the block
    longest = max((len(found) for line in shown for found in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *shown, fence, ""]
