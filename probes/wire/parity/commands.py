"""The pair of commands that shows a difference: the same request to the old side and to the new one. Pure."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from ....cluster.text import clean
from ..address import bracketed
from ..http.facts import HttpFacts, HttpRequest
from ..http.judge import safe_reproduce
from .question import Question, Side, request_to

# what the command says of a body that it does not show
_ANY_BODY = "--data-binary @BODY"


def command(question: Question, side: Side) -> str:
    """The curl command that asks one side; empty where the request cannot be written as one."""
    try:
        request = request_to(question, side)
        if question.sni == "" and question.url.startswith("https:"):
            return _without_sni(request, question.authority)
        written = safe_reproduce(HttpFacts(request))
    except ValueError:
        return ""
    if not question.payload or _ANY_BODY not in written:
        return written
    octal = "".join(f"\\{byte:03o}" for byte in bytes.fromhex(question.payload))
    return f"printf '{octal}' | {written.replace(_ANY_BODY, '--data-binary @-', 1)}"


def _without_sni(request: HttpRequest, host: str) -> str:
    """curl sends no server name to an address; the certificate is then not for it, so it is not checked."""
    parts = urlsplit(request.url)
    netloc = f"{bracketed(request.address)}:{request.port}"
    url = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
    asked = replace(request, url=url, sni=None, send_host=host, ca_file=None)
    return safe_reproduce(HttpFacts(asked)).replace("curl ", "curl --insecure ", 1)


def pair(question: Question, old: Side, new: Side) -> tuple[str, str]:
    """The commands for the old and the new side."""
    return command(question, old), command(question, new)


def words(question: Question) -> str:
    """The request in one clean line."""
    return clean(question.words, 200)
