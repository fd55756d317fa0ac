"""``pointsman compare``."""

from __future__ import annotations

import click

from ...cluster.errors import UserError


@click.command()
def compare() -> None:
    """(to be written)"""
    raise UserError("not written yet")
