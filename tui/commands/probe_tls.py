"""``pointsman probe tls``."""

from __future__ import annotations

import click

from ...cluster.errors import UserError


@click.command("tls")
def probe_tls() -> None:
    """(to be written)"""
    raise UserError("not written yet")
