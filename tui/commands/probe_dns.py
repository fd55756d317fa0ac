"""``pointsman probe dns``."""

from __future__ import annotations

import click

from ...cluster.errors import UserError


@click.command("dns")
def probe_dns() -> None:
    """(to be written)"""
    raise UserError("not written yet")
