"""``pointsman probe http``."""

from __future__ import annotations

import click

from ...cluster.errors import UserError


@click.command("http")
def probe_http() -> None:
    """(to be written)"""
    raise UserError("not written yet")
