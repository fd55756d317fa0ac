"""The pair of commands that shows a difference: the same request to the old side and to the new one. Pure."""

from __future__ import annotations

from ....cluster.text import clean
from ..http.facts import HttpFacts
from ..http.judge import safe_reproduce
from .question import Question, Side, request_to


def command(question: Question, side: Side) -> str:
    """The curl command that asks one side; empty where the request cannot be written as one."""
    try:
        return safe_reproduce(HttpFacts(request_to(question, side)))
    except ValueError:
        return ""


def pair(question: Question, old: Side, new: Side) -> tuple[str, str]:
    """The commands for the old and the new side."""
    return command(question, old), command(question, new)


def words(question: Question) -> str:
    """The request in one clean line."""
    return clean(question.words, 200)
