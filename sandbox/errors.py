"""What can go wrong in the practice world, said in one line."""

from __future__ import annotations


class SandboxError(Exception):
    """One clear line about what the practice world could not do, where, and what to do about it."""
