"""What was seen of both sides: for each question, rounds of old, new, and old again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .question import Question, Side

# what says nothing of the other side: it could not be asked from here
COULD_NOT_ASK = frozenset({"local", "request"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as it is compared. ``fields`` are named values, what changes by itself left out.

    ``status`` is None where none came, and ``error`` then says why (see ``HttpFacts``). ``first_byte_ms`` is
    the time from sending the request to its first byte, without connecting.
    """

    status: int | None
    fields: Mapping[str, str]
    error: str = ""
    error_detail: str = ""
    first_byte_ms: float | None = None

    @property
    def answered(self) -> bool:
        """Whether it says anything of the side that was asked."""
        return self.error not in COULD_NOT_ASK


@dataclass(frozen=True, slots=True)
class Round:
    """Three answers right after each other: the first old one and the last are the noise floor."""

    old: Seen
    new: Seen
    again: Seen


@dataclass(frozen=True, slots=True)
class Answers:
    """A question with its rounds, in order; none where it was never asked."""

    question: Question
    rounds: tuple[Round, ...] = ()


@dataclass(frozen=True, slots=True)
class ParityFacts:
    """All that was seen. ``stopped`` says why asking ended early, empty where it did not."""

    old: Side
    new: Side
    answers: tuple[Answers, ...] = ()
    stopped: str = ""
    requests: int = 0
    elapsed_ms: float = 0.0
    minimal: Mapping[str, Question] = field(default_factory=dict)
