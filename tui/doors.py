"""Which screen opens for what; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster.refs import ObjectRef
from ..cluster.text import clean
from .host import Aspect
from .screens.frame import FrameScreen

if TYPE_CHECKING:
    from ..checklists.running.face import RunFace
    from ..cluster.snapshot import Snapshot
    from .screens.cutover import CutoverScreen
    from .screens.resources import ResourceScreen

# the kinds that have their place on browse
_ON_BROWSE = frozenset({"Gateway", "GatewayClass"})


def about(aspect: Aspect, ref: ObjectRef) -> FrameScreen:
    """One object."""
    from .screens.about import DescribeScreen, EventsScreen, UsedByScreen
    from .screens.yaml_view import YamlScreen

    screens: dict[Aspect, type[DescribeScreen | EventsScreen | UsedByScreen | YamlScreen]] = {
        "describe": DescribeScreen,
        "events": EventsScreen,
        "used-by": UsedByScreen,
        "yaml": YamlScreen,
    }
    return screens[aspect](ref)


def list_of(name: str) -> FrameScreen:
    """A screen without a subject. KeyError for a name that none has."""
    from .screens.commands import CommandsScreen
    from .screens.findings import FindingsScreen
    from .screens.kinds import KindsScreen
    from .screens.lists import AliasesScreen, ContextsScreen

    screens: dict[str, type[FrameScreen]] = {
        "aliases": AliasesScreen,
        "commands": CommandsScreen,
        "contexts": ContextsScreen,
        "findings": FindingsScreen,
        "kinds": KindsScreen,
    }
    return screens[name]()


def of_run(run: RunFace, *others: RunFace) -> CutoverScreen:
    """A run (or one for each wave): of ours, or somebody else's that can only be looked at."""
    from .screens.cutover import CutoverScreen
    from .screens.onlooking import OnlookerScreen

    return OnlookerScreen(run, *others) if run.view().read_only else CutoverScreen(run, *others)


def help_for(screen: object) -> FrameScreen:
    """The help, with the keys of ``screen`` first."""
    from .screens.help import HelpScreen, section_of

    return HelpScreen(section_of(type(screen)) if isinstance(screen, FrameScreen) else "")


def resources(name: str) -> ResourceScreen:
    """The table of a kind, by one of its names. KeyError for a name that none has."""
    from .screens.resources import ResourceScreen
    from .tables.resources import resource_kind

    kind = resource_kind(name)
    if kind is None:
        raise KeyError(name)
    return ResourceScreen(kind)


def table_of(ref: ObjectRef) -> ResourceScreen | None:
    """The table in which an object stands, with the cursor on it; None where that is browse, or none."""
    from .screens.resources import ResourceScreen
    from .tables.resources import RESOURCES

    if ref.kind in _ON_BROWSE or ref.kind.endswith("Route"):
        return None
    kind = next((kind for kind in RESOURCES if ref.kind in kind.kinds), None)
    if kind is None and ref.kind.endswith("Policy") and ref.group != "networking.k8s.io":
        kind = next(kind for kind in RESOURCES if kind.part == "policies")
    if kind is None:
        return None
    screen = ResourceScreen(kind)
    screen.select(ref.whole)
    return screen


def twin(snapshot: Snapshot, hosts: tuple[str, ...], ingress: ObjectRef | None) -> tuple[FrameScreen, str]:
    """``ingress`` beside its successor, or the Ingresses of ``hosts``, or all; and what to say of it."""
    from .screens.twin import TwinScreen

    wanted = {host.lower() for host in hosts}
    found = [ref for ref, one in snapshot.ingresses.items() if wanted & {host.lower() for host in one.hosts}]
    if ingress is None and len(found) == 1:
        ingress = found[0]
    nowhere = hosts and not found and ingress is None
    note = f"no Ingress has {clean(hosts[0])}; these are all" if nowhere else ""
    return TwinScreen(ingress, hosts if found else ()), note
