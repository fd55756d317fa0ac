"""The command line: ``pointsman``, and ``kubectl pointsman``."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from ..cluster.errors import UserError
from ..cluster.text import clean
from .commands.options import INCONCLUSIVE, USAGE, cluster_options
from .garbage import Collector
from .settings import Settings
from .streams import open_what_is_closed, refused, write_no_more

if TYPE_CHECKING:
    from ..checklists.plans.model import Plan

_LEAST_COLUMNS, _LEAST_LINES = 60, 16
_COLLECTOR = Collector()


class _Commands(click.Group):
    """Imports a command when it is asked for: the screens open 60 ms earlier without the others."""

    MODULES: ClassVar[dict[str, str]] = {
        "check": "commands.check",
        "compare": "commands.compare",
        "continue": "commands.tune",
        "cutover": "commands.cutover",
        "demo": "demo",
        "describe": "commands.describe",
        "diagnose": "commands.diagnose",
        "explain": "commands.explain",
        "follow": "commands.following",
        "journal": "commands.journal",
        "plan": "commands.plan",
        "postpone": "commands.tune",
        "probe": "commands.probe",
        "replay": "commands.following",
        "report": "commands.report",
        "resume": "commands.cutover",
        "retire": "commands.retire",
        "rollback": "commands.cutover",
        "route": "commands.route",
        "status": "commands.status",
        "tune": "commands.tune",
        "twin": "commands.twin",
        "warm": "commands.warm",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in alphabetical order."""
        return sorted(self.MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none."""
        module = self.MODULES.get(cmd_name)
        if module is None:
            return None
        function = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = getattr(import_module(f".{module}", __package__), function)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@cluster_options
@click.option(
    "--plan", "plans", metavar="FILE|DIR", multiple=True, help="A plan, or a folder of plans; repeatable."
)
@click.option("--write", is_flag=True, help="Turn writing on for the given plans; read-only otherwise.")
@click.version_option(package_name="pointsman", prog_name="pointsman")
@click.pass_context
def cli(
    context: click.Context,
    settings: Settings,
    plans: tuple[str, ...],
    write: bool,
) -> None:
    """Move live traffic from Ingress to the Gateway API, and back.

    Without a command: browse the live Gateways and Routes with what is wrong with them.
    """
    context.obj = replace(
        settings,
        plans=_plan_files(plans),
        writes=write,
        practice_note=os.environ.get("POINTSMAN_PRACTICE_NOTE", ""),
        practice_parent=int(os.environ.get("POINTSMAN_PRACTICE_PARENT", "0")),
    )
    if context.invoked_subcommand is None:
        context.exit(browse(context.obj))


def _plan_files(names: tuple[str, ...]) -> tuple[Path, ...]:
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise UserError(f"--plan {name}: no *.yaml in this folder", "name a plan file")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise UserError(f"--plan {name}: no such file", "name a plan file or a folder of plans")
    return tuple(files)


def browse(settings: Settings) -> int:
    """Open the screens; the exit code. UserError: no terminal, one too small, a plan that cannot be read."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("the screens need a terminal", "for text use: pointsman status")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UserError("the terminal says TERM=dumb", "for text use: pointsman status")
    size = os.get_terminal_size()
    if size.columns < _LEAST_COLUMNS or size.lines < _LEAST_LINES:
        raise UserError(
            f"the terminal is {size.columns}x{size.lines}; the screens need {_LEAST_COLUMNS}x{_LEAST_LINES}",
            "make it larger, or use: pointsman status",
        )
    from .app import PointsmanApp
    from .bridge import Bridge

    plans = _plans(settings.plans)

    def connect_now() -> object:
        from ..cluster.client.connect import connect

        return connect(settings.kubeconfig, settings.context)

    bridge = Bridge(connect_now, settings.namespaces)  # type: ignore[arg-type]
    bridge.loaded, bridge.left = _COLLECTOR.look_often, _COLLECTOR.leave
    app = PointsmanApp(settings, bridge, plans)
    app.run()
    if app.exit_line:
        _complain(app.exit_line)
    return app.return_code or 0


def _plans(files: tuple[Path, ...]) -> list[Plan]:
    if not files:
        # all that a plan may hold is a fifth of what is imported until the first paint
        return []
    from ..checklists.plans.load import load_plan

    return [load_plan(file) for file in files]


def _own_name() -> str:
    plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    return "kubectl pointsman" if plugin else "pointsman"


def _complain(text: str) -> None:
    # a place for complaints that takes none must not hide the exit code
    with contextlib.suppress(OSError):
        # it may quote a file's name or a server's words, which are anybody's
        click.echo(f"pointsman: {clean(text, 4000)}", err=True)


def main() -> None:
    """Run, and turn every error that is meant for a person into one line and an exit code."""
    _COLLECTOR.look_seldom()
    open_what_is_closed()
    try:
        code = cli.main(prog_name=_own_name(), standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.Abort:
        code = 130
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        see = f"; see: {context.command_path} --help" if context is not None else ""
        _complain(f"{error.format_message().rstrip('.')}{see}")
        code = USAGE
    except UserError as error:
        _complain(str(error))
        # a server that did not answer is no wrong usage: nothing could be told
        code = USAGE if getattr(error, "status", None) is None else INCONCLUSIVE
    except SystemExit:
        # so click leaves when the reader went away (`| head`); what the verdict would have been, nobody knows
        code = INCONCLUSIVE
    except OSError as error:
        words, code = refused(error)
        _complain(words)
    write_no_more()
    sys.exit(code if isinstance(code, int) else 0)
