"""The errors that a person is meant to read."""

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


class ApiError(UserError):
    """A request that did not succeed. ``status`` is the HTTP status, 0 where no answer came.

    ``reason`` is the API's word (``Forbidden``, ``Expired``), or ours where no answer came: ``refused``,
    ``timeout``, ``tls``, ``name``, ``reset``, ``proxy``, ``closed``, ``protocol``. ``retry_after_s`` is what
    the server asked for (RFC 9110, 10.2.3), None where it asked for nothing.
    """

    def __init__(
        self, status: int, reason: str, what: str, mend: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, mend)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


def told(problem: Exception) -> UserError:
    """Any error as one that can be told: for threads that must not end without a word."""
    if isinstance(problem, UserError):
        return problem
    return UserError(f"an error of Pointsman's own: {type(problem).__name__}", "please report this")
