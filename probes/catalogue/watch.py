"""MON: the watch after the switch, and probes that could not answer."""

from __future__ import annotations

from .rule import Rule

WATCH_RULES: tuple[Rule, ...] = (
    Rule(
        "MON001",
        "watch-passed",
        "The watch saw no harm",
        "The new side fails no more than a healthy side does, over enough time and requests.",
        "Nothing to mend; the soak comes next.",
    ),
    Rule(
        "MON002",
        "watch-inconclusive",
        "The watch cannot tell yet",
        "Too little was seen to trust the new side, or to blame it.",
        "Let the watch go on, or send it more requests a second.",
    ),
    Rule(
        "MON003",
        "new-side-fails",
        "The new side fails",
        "Clients that already follow the new address get errors.",
        "Roll back, then look at the failing paths.",
    ),
    Rule(
        "MON004",
        "both-sides-fail",
        "Both sides fail",
        "It is the backend: rolling back would not help.",
        "Leave DNS as it is and mend the backend.",
    ),
    Rule(
        "MON005",
        "handshakes-fail",
        "TLS handshakes with the new side fail",
        "Those clients see no page at all, and no HTTP status counts them.",
        "See the TLS check; a default certificate on one of several pods is a common cause.",
    ),
    Rule(
        "MON006",
        "not-found-appeared",
        "Paths are not found on the new side",
        "A gateway without a matching route answers 404, which error-rate alarms miss.",
        "Add the missing paths to the route.",
    ),
    Rule(
        "MON901",
        "probe-deadline",
        "A check ran out of time",
        "What it asks is unknown, and opens no gate.",
        "Run it again; if it stays so, look at the network between here and there.",
    ),
    Rule(
        "MON902",
        "probe-crashed",
        "A check stopped on a fault of its own",
        "What it asks is unknown, and opens no gate.",
        "Run it again; if it stays so, report it with the log.",
    ),
    Rule(
        "MON903",
        "probe-impossible",
        "A check could not be made",
        "What it asks is unknown, and opens no gate.",
        "Mend what is named, and run it again.",
    ),
)
