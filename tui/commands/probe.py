"""``pointsman probe``: one question to the wire, by hand."""

from __future__ import annotations

from importlib import import_module

import click

_KINDS = ("dns", "http", "tls")


class _Kinds(click.Group):
    """Imports a probe when it is asked for, like the commands themselves."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in alphabetical order."""
        return list(_KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The probe of that name; None where there is none."""
        if cmd_name not in _KINDS:
            return None
        command = getattr(import_module(f".probe_{cmd_name}", __package__), f"probe_{cmd_name}")
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Kinds)
def probe() -> None:
    """Ask a server one thing, by address, and judge the answer."""
