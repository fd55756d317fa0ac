"""The one kind of error that a person is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Something the operator can mend: printed as one clear line, never as a traceback.

    ``what`` says what is wrong and where (file, field, line); ``mend`` says what to do about it.
    The message never holds a token, a key or a password.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}" if self.mend else self.what
