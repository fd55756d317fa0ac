"""``pointsman tune``, ``postpone`` and ``continue``: what may be asked of a run from another terminal."""

from __future__ import annotations

import getpass
import re
import socket
from typing import TYPE_CHECKING, Any

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import Verdict
from .options import output_option

if TYPE_CHECKING:
    from ...checklists.running.control import Reply

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|%)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("settings", metavar="NAME=VALUE...", nargs=-1, required=True)
@output_option("text", "json")
@click.pass_context
def tune(context: click.Context, run_id: str, settings: tuple[str, ...], output: str) -> None:
    """Change numbers of RUN while it goes on: thresholds.min_samples=300, durations.soak=24h.

    Exit code: 0 changed, 1 refused, 2 wrong usage or no Pointsman holds the run.
    """
    # all of them are read before the first is sent
    wanted = [_setting(one) for one in settings]
    replies = [_ask(run_id, {"ask": "tune", "name": name, "value": value}) for name, value in wanted]
    texts = [f"{name} is {value:g} now" for name, value in wanted]
    context.exit(_tell("tune", replies, texts, output))


@click.command()
@click.argument("run_id", metavar="RUN")
@output_option("text", "json")
@click.pass_context
def postpone(context: click.Context, run_id: str, output: str) -> None:
    """Let RUN take no forward step until `pointsman continue RUN`; its rollback stays possible.

    Exit code: 0 postponed, 1 refused, 2 wrong usage or no Pointsman holds the run.
    """
    texts = ["postponed: nothing goes forward until you continue"]
    context.exit(_tell("postpone", [_ask(run_id, {"ask": "postpone"})], texts, output))


@click.command(name="continue")
@click.argument("run_id", metavar="RUN")
@output_option("text", "json")
@click.pass_context
def continue_(context: click.Context, run_id: str, output: str) -> None:
    """Let RUN go on, after a postponement or a hold; what it would change still waits for its typed name.

    Exit code: 0 it goes on, 1 refused, 2 wrong usage or no Pointsman holds the run.
    """
    context.exit(_tell("continue", [_ask(run_id, {"ask": "continue"})], ["it goes on"], output))


def _setting(text: str) -> tuple[str, float]:
    from ...checklists.machine.around import TUNABLE

    name, equals, value = text.partition("=")
    if not equals or name not in TUNABLE:
        mend = f"what can be tuned: {', '.join(TUNABLE)}"
        raise UserError(f"{clean(text, 60)}: not NAME=VALUE of a number that can be tuned", mend)
    number = _NUMBER.fullmatch(value)
    unit = number[2] if number else None
    lasts = name.startswith("durations.")
    if number is None or lasts != (unit in _UNITS) or (unit == "%" and name != "thresholds.p0"):
        example = "a duration such as 90s, 20m or 48h" if lasts else "a number such as 300 or 0.001"
        raise UserError(f"{name}: {clean(value, 40)} is not {example}", f"{name}={'20m' if lasts else '300'}")
    return name, float(number[1]) * {**_UNITS, "%": 0.01}.get(unit or "", 1.0)


def _ask(run_id: str, request: dict[str, Any]) -> Reply:
    from ...checklists.journal.file import run_path
    from ...checklists.running.control import ask

    path = run_path(run_id)
    if not path.exists():
        raise UserError(f"no run {run_id} in {path.parent}", "`pointsman journal` lists all runs")
    return ask(path, {**request, "operator": f"{getpass.getuser()}@{socket.gethostname()}"})


def _tell(command: str, replies: list[Reply], texts: list[str], output: str) -> int:
    from ...probes.output import document, encode

    refused = any(not reply.done for reply in replies)
    if output == "json":
        facts = {
            "replies": [{"done": reply.done, "said": reply.said} for reply in replies],
            "run": replies[-1].told,
        }
        verdict = Verdict.FAIL if refused else Verdict.PASS
        click.echo(encode(document(command, verdict, [], facts, 0.0)))
    else:
        for reply, text in zip(replies, texts, strict=True):
            click.echo(text if reply.done else reply.said)
    return int(refused)
