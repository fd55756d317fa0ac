"""How often the conditions that the specs give agree with those that controllers wrote.

Reads every case of the corpus that bears a status, and what real controllers said to a real API server
(tests/computed/recorded), offline, and writes docs/agreement.md.
Run: python benchmarks/agreement.py [--check]    (POINTSMAN_SHARED says where the corpus is, else ../shared)
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from pointsman.cluster.knowledge.claim_quirks import Quirk, quirk_of
from pointsman.cluster.rules.computed_listeners import attached_routes
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.state.comparing import Comparison, all_comparisons
from pointsman.probes.state.world import World

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("POINTSMAN_SHARED") or ROOT.parent / "shared") / "corpus"
DOCUMENT = ROOT / "docs" / "agreement.md"
CONTROLLERS = ("istio", "cilium", "envoy-gateway")
# file names are CONTROLLER-VERSION.yaml
RECORDED = {path.stem: path for path in sorted((ROOT / "tests" / "computed" / "recorded").glob("*.yaml"))}
_RIGHT = {"specs": "the specs", "controller": "the controller", "open": "open: the API allows both"}


@dataclass
class Tally:
    """The counts of one controller: outcomes by (scope, type), listener numbers, and the disagreements."""

    outcomes: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    numbers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    explained: dict[Quirk, list[str]] = field(default_factory=lambda: defaultdict(list))
    unexplained: list[str] = field(default_factory=list)
    cases: int = 0

    def total(self, *outcomes: str) -> int:
        return sum(counts[one] for counts in self.outcomes.values() for one in outcomes)


def worlds(controller: str) -> Iterator[tuple[str, World]]:
    """Every case of a controller by its file's name."""
    for path in sorted((CORPUS / controller).rglob("*.yaml")):
        documents = yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader)
        snapshot = read_documents(one for one in documents if isinstance(one, dict))
        yield path.name, World(Scene(snapshot))


def recorded_world(name: str) -> World:
    """All that one real controller said, as one whole cluster: what is not in the file was not there."""
    documents = yaml.load_all(RECORDED[name].read_bytes(), Loader=yaml.CSafeLoader)
    return World(Scene(replace(read_documents(documents), offline=False)))


def tally(name: str) -> Tally:
    """Count all cases of one controller, or of one recording."""
    if name in RECORDED:
        return count(name.rpartition("-v")[0], [(name, recorded_world(name))])
    return count(name, worlds(name))


def count(controller: str, cases: Iterable[tuple[str, World]]) -> Tally:
    """Count these cases of a controller."""
    found = Tally()
    for name, world in cases:
        found.cases += 1
        for one in all_comparisons(world):
            counts = found.outcomes[one.scope, one.claimed.type]
            counts[one.outcome] += 1
            _count_bad(counts, one)
            if one.outcome == "disagree":
                _explain(found, controller, name, one)
        _count_numbers(found, world)
    return found


def _count_bad(counts: Counter[str], one: Comparison) -> None:
    """Apart: those that either side calls bad, where agreement is no matter of course."""
    good = "False" if one.claimed.type in ("Conflicted", "OverlappingTLSConfig") else "True"
    if one.outcome in ("agree", "disagree") and (one.claimed.status, one.computed.status) != (good, good):
        counts["bad"] += 1
        counts["bad agreed"] += one.outcome == "agree"
        counts["reason too"] += one.outcome == "agree" and one.same_reason


def _explain(found: Tally, controller: str, name: str, one: Comparison) -> None:
    claimed = f"{one.claimed.status}/{one.claimed.reason}"
    computed = f"{one.computed.status}/{one.computed.reason}"
    quirk = quirk_of(controller, one.scope, one.claimed.type, claimed, computed)
    where = f"{name}: {one.subject} {one.claimed.type}: claimed {claimed}, computed {computed}"
    if quirk is None:
        found.unexplained.append(where)
    else:
        found.explained[quirk].append(where)


def _count_numbers(found: Tally, world: World) -> None:
    for ref in world.snapshot.gateways:
        for bound in world.topology.listeners(ref):
            status = world.listener_status(bound)
            if status is None or not bound.listener.name:
                continue
            state = world.computed_listener(bound)
            attached = attached_routes(world.topology, bound)
            key = "unknown" if attached is None else str(attached == status.attached_routes)
            found.numbers["attachedRoutes"][key] += 1
            if state.supported_kinds is not None:
                same = {one.kind for one in state.supported_kinds} == {
                    one.kind for one in status.supported_kinds
                }
                found.numbers["supportedKinds"][str(same)] += 1


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def render(tallies: dict[str, Tally]) -> str:
    """The document, from the counts and the table of quirks."""
    lines = [_HEAD.rstrip(), ""]
    lines += _summary(tallies)
    for controller, found in tallies.items():
        lines += ["", f"## {controller}", "", *_table(found)]
    lines += ["", "## Where they differ", "", _DIFFER.strip(), ""]
    lines += [
        "| controller | condition | claimed | computed | cases | who is right |",
        "|---|---|---|---|---|---|",
    ]
    notes = []
    for controller, found in tallies.items():
        for quirk, where in found.explained.items():
            lines.append(
                f"| {controller} | {quirk.scope} {quirk.type} | {_shown(quirk.claimed)} | "
                f"{_shown(quirk.computed)} | {len(where)} | {_RIGHT[quirk.right]} |"
            )
            notes.append(f"- {controller}, {quirk.scope} {quirk.type}: {quirk.why}")
    lines += ["", *dict.fromkeys(notes)]
    unexplained = [one for found in tallies.values() for one in found.unexplained]
    lines += ["", f"Not explained: {len(unexplained)}.", ""]
    lines += [f"- `{one}`" for one in unexplained]
    lines += ["", _CONFORMANCE.strip(), ""]
    return "\n".join(lines)


def _heading(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _shown(side: str) -> str:
    return side.rstrip("/")


def _summary(tallies: dict[str, Tally]) -> list[str]:
    lines = _heading(
        "controller",
        "cases",
        "compared",
        "agree",
        "rate",
        "called bad by either",
        "agree there",
        "undetermined",
        "beyond the specs",
        "left out of the file",
    )
    rows = [*tallies.items(), ("all", _sum(tallies))]
    for name, found in rows:
        agree, disagree = found.total("agree"), found.total("disagree")
        bad, agreed = found.total("bad"), found.total("bad agreed")
        rate = percent(agree, agree + disagree)
        lines.append(
            f"| {name} | {found.cases} | {agree + disagree} | {agree} | **{rate}** | "
            f"{bad} | {percent(agreed, bad)} | {found.total('undetermined')} | {found.total('beyond')} | "
            f"{found.total('left-out')} |"
        )
    return lines


def _sum(tallies: dict[str, Tally]) -> Tally:
    total = Tally()
    for found in tallies.values():
        total.cases += found.cases
        for key, counts in found.outcomes.items():
            total.outcomes[key].update(counts)
    return total


def _table(found: Tally) -> list[str]:
    lines = _heading(
        "of",
        "condition",
        "agree",
        "differ",
        "rate",
        "bad: agree, of",
        "same reason",
        "undetermined",
        "beyond",
        "left out",
    )
    for (scope, kind), counts in sorted(found.outcomes.items()):
        agree, differ = counts["agree"], counts["disagree"]
        lines.append(
            f"| {scope} | {kind} | {agree} | {differ} | {percent(agree, agree + differ)} | "
            f"{counts['bad agreed']}, {counts['bad']} | {counts['reason too']} | {counts['undetermined']} | "
            f"{counts['beyond']} | {counts['left-out']} |"
        )
    for name, counts in sorted(found.numbers.items()):
        same, other = counts["True"], counts["False"]
        lines.append(
            f"| Listener | {name} | {same} | {other} | {percent(same, same + other)} | | | "
            f"{counts['unknown']} | | |"
        )
    return lines


_HEAD = """# Claimed beside computed

Written by `benchmarks/agreement.py`; `tests/computed/test_agreement_table.py` holds it to what it says.

Pointsman works out from the specs alone what the conditions of Gateways, listeners, ListenerSets, routes
and BackendTLSPolicies ought to be (`cluster/rules/computed*.py`), and sets them beside what the controller
says. This is how often both say the same. No status is read while computing, and no case is treated by its
name. There are two sorts of rows:

- a name alone: the statuses that the controller's own translator wrote (the golden files of its tests);
- a name with a version: what that controller, running, wrote into a real kube-apiserver under our own
  manifests (`tests/live/cases`), nearly all of which are broken in some way. `make live` runs it again,
  `tests/live/record_statuses.py` records it.

And the columns:

- **agree, differ**: the status (True or False) is the same, or not; the rate is of these two.
- **bad**: either side calls the thing bad. Most things are fine, so agreement there is the harder figure.
- **same reason**: of the bad ones that agree, those in which the claimed reason is among the computed
  ones.
- **undetermined**: one side is Unknown. Ours is, where it hangs on a kind of which the file holds none
  (nearly all Envoy Gateway cases hold no Service), or on what the API leaves open.
- **beyond**: the claim rests on what no spec says: an address that is not assigned, a value or protocol
  that the controller does not support, the inside of a Secret or of an object of the controller's own.
- **left out**: the controller has found an object that the file does not hold. In a cluster this cannot
  happen.
- Entries of a controller that does not own the parent are not compared. An absent `Conflicted` counts
  where we compute a conflict; an absent `OverlappingTLSConfig` does not, because most controllers never
  write it.
"""

_DIFFER = """
Each class of disagreement is an entry of `cluster/knowledge/claim_quirks.py`. Where a cluster shows one, the
finding (GW117, GW220, GW221, GW311 or GW420) says what is known of it, and is a warning at most.
"""

_CONFORMANCE = """## Against the conformance tests

`tests/computed/test_conformance_conditions.py` does the same for the 154 conditions that 70 of the
Gateway API's conformance tests (v1.6.1) expect, from the tests' manifests and the base ones.

- An expectation is met when **every** object that the test means has the computed condition with that
  status and, where the test names a reason, with that reason as the weightiest. Which objects a test
  means was read in its manifests and is written down in `tests/computed/conformance_subjects.yaml`; a
  route counts for one parentRef, a listener for itself.
- Another test asserts that no other object of a test is given an expected fault.
- What a test changes on its way (a ReferenceGrant deleted, an address taken away) is changed first.
  Secrets and CA bundles that the suite makes at run time are made, empty; the GatewayClass is one of
  which nothing is said, but for the two tests that are for a controller without a feature.
- 151 of 154 are met (98.1 %). The rest: one Secret without PEM inside (metadata only are read; the other
  three objects of that expectation are met), an address type that only a controller could know, and an
  address that only the network could.
- Controls: the same answers dealt out to other objects at random meet about a third; "all is well" of
  everything meets less than half.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="only say whether the document is as it should be"
    )
    options = parser.parse_args()
    if not CORPUS.is_dir():
        print(f"no corpus at {CORPUS}: set POINTSMAN_SHARED", file=sys.stderr)
        return 3
    text = render({one: tally(one) for one in (*CONTROLLERS, *RECORDED)})
    if options.check:
        return 0 if DOCUMENT.read_text() == text else 1
    DOCUMENT.write_text(text)
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
