"""CUT040 to CUT049: checks of the user's own, questions to a person, and plans that are derived."""

from __future__ import annotations

from .rule import Rule

OWN_CHECK_RULES: tuple[Rule, ...] = (
    Rule(
        id="CUT040",
        name="manual-confirmation",
        title="A person has answered the checklist's question with yes",
        why="some things no probe can see: who was told, who is on call, what another team has frozen",
        mend="see to it, then confirm the check by its id: --attest ID, or on the cutover's screen",
    ),
    Rule(
        id="CUT041",
        name="own-command",
        title="The checklist's own command is content",
        why="whoever wrote the checklist knows a condition that the cutover must not go without",
        mend="run the command by hand and read what it says",
        source="docs/plan.md, the contract of a command",
    ),
    Rule(
        id="CUT042",
        name="command-told-nothing",
        title="The checklist's own command came to an answer",
        why="a command that cannot run, hangs or fails by itself says nothing of the condition behind it",
        mend="run it by hand as shown; it exits with 0 for yes and 1 for no",
        source="docs/plan.md, the contract of a command",
    ),
    Rule(
        id="CUT043",
        name="plan-field-not-known",
        title="Everything that a plan needs was found out",
        why="a plan with a guessed address or zone would send clients to the wrong place",
        mend="fill the field in by hand: the comment at its place says what was looked for, and where",
    ),
)
