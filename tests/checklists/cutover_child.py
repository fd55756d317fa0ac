"""A process that carries a cutover out and kills itself (SIGKILL) at a given moment. Run by the tests.

Arguments: plan file, state directory, where: ``before:EVENT``, ``after:EVENT`` (a journal write of that event
and purpose, such as ``write-intended/switch``) or ``sent:PURPOSE`` (the change is made, its outcome not yet
noted).
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pointsman.checklists.journal.file import Entry, Journal
from pointsman.checklists.machine.events import Event, event_name
from pointsman.checklists.machine.view import Confirm
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.records.base import RecordChange, WriteOutcome
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.running.run import CutoverRun


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(where: str) -> None:
    moment, _, what = where.partition(":")
    append, apply = Journal.append, Rfc2136.apply

    def name_of(event: Event) -> str:
        purpose = getattr(event, "purpose", "")
        return f"{event_name(event)}/{purpose}" if purpose else event_name(event)

    def deadly_append(self: Journal, event: Event) -> Entry:
        if moment == "before" and name_of(event) == what:
            die()
        entry = append(self, event)
        if moment == "after" and name_of(event) == what:
            die()
        return entry

    async def deadly_apply(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        outcome = await apply(self, change)
        if moment == "sent" and change.purpose == what:
            die()
        return outcome

    Journal.append = deadly_append  # type: ignore[method-assign]
    Rfc2136.apply = deadly_apply  # type: ignore[method-assign]


def main() -> None:
    plan_file, state_dir, where = sys.argv[1:4]
    arm(where)
    plan = load_plan(plan_file)
    run = CutoverRun.start_new(plan, writes_enabled=True, state_dir=Path(state_dir))
    for purpose in ("lower-ttl", "switch"):
        view = run.wait(lambda view: view.finished or view.waiting_for is not None, 20)
        if view.waiting_for is None:
            break
        run.send(Confirm(view.waiting_for.purpose, plan.type_this))
        run.wait(lambda view, purpose=purpose: view.waiting_for is None, 10)
    view = run.wait(lambda view: view.finished, 20)
    print("finished without dying:", view.outcome, view.message)


if __name__ == "__main__":
    main()
