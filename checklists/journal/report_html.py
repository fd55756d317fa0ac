"""A report as one HTML page that needs nothing else: no script, nothing loaded, every text escaped.

The template is jinja2's with autoescaping; each value also passes ``clean``, so that no control or bidi
character acts on who reads the source.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...cluster.text import clean
from .chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, drawn
from .document import Document

_LONGEST = 20_000
_HERE = Path(__file__).parent


def render(document: Document) -> str:
    """The page. Text is safe wherever it stands; ``style`` is allowed by its hash alone."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            document=document,
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=digest,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    box = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    environment.globals.update(drawn=drawn, box=box)
    environment.tests["verdict"] = _is_verdict
    return environment


def _shown(value: Any) -> Any:
    return clean(value, _LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value


def _is_verdict(cell: object) -> bool:
    return cell in ("PASS", "WARN", "FAIL", "UNKNOWN", "SKIP")
