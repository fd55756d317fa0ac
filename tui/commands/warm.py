"""``pointsman warm``."""

from __future__ import annotations

import click

from ...cluster.errors import UserError


@click.command()
def warm() -> None:
    """(to be written)"""
    raise UserError("not written yet")
