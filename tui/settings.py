"""What the command line asked for, as every face needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``namespaces`` None means all of them; ``plans`` are plan files; ``writes`` turns writing on.

    ``practice_note`` says how to point kubectl at the practice world; empty in the real one. That world lives
    in the process ``practice_parent``, and the screens end with it; 0 in the real one.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespaces: tuple[str, ...] | None = None
    plans: tuple[Path, ...] = ()
    writes: bool = False
    practice_note: str = ""
    practice_parent: int = 0
