"""An Ingress beside what answers its hosts and paths now: the whole comparison, for findings and screens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....cluster.kubernetes_objects import Ingress
from ....cluster.refs import ObjectRef
from ..world import World
from .annotations import AnnotationTwin, annotation_twins, default_twins
from .answers import Answer, Target
from .context import Context, HostTwin
from .dns import LostSetting, lost_settings
from .network import Shut, shut_services
from .new import NewSide, unread_kinds
from .old import OldPath, OldSide, class_of, is_canary, is_nginx, nginx_value
from .paths import compare_paths, only_new
from .tls import SolverTrouble, TlsTwin, solver_troubles, tls_twins


@dataclass(frozen=True, slots=True)
class Extra:
    """A request that only the new side answers."""

    host: str
    request: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Twin:
    """One Ingress and its successor. Without a twin for any host all but ``hosts`` is empty.

    ``controller`` is the id of the Gateways' controller, empty where it is not known. ``unseen`` says why a
    host without a twin may have one; ``loading``: only not yet seen.
    """

    ingress: Ingress
    nginx: bool
    class_name: str
    hosts: tuple[HostTwin, ...]
    unseen: str = ""
    loading: bool = False
    gateways: tuple[ObjectRef, ...] = ()
    controller: str = ""
    annotations: tuple[AnnotationTwin, ...] = ()
    defaults: tuple[AnnotationTwin, ...] = ()
    tls: tuple[TlsTwin, ...] = ()
    solvers: tuple[SolverTrouble, ...] = ()
    shut: tuple[Shut, ...] = ()
    settings: tuple[LostSetting, ...] = ()
    extras: tuple[Extra, ...] = ()

    @property
    def twinned(self) -> tuple[HostTwin, ...]:
        """The hosts for which some route is meant."""
        return tuple(one for one in self.hosts if one.has_twin)


def hosts_of(ingress: Ingress) -> tuple[str, ...]:
    """The hosts of its rules in lower case, each once; the empty one stands for any host."""
    named = dict.fromkeys(rule.host.lower() for rule in ingress.spec.rules)
    return tuple(named) or ("",)


def twin_of(world: World, ingress: Ingress) -> Twin:
    """Everything that can be said of an Ingress and its successor."""
    nginx = is_nginx(world, ingress)
    hosts = tuple(host_twin(world, ingress, host, nginx=nginx) for host in hosts_of(ingress))
    unseen, loading = _unseen(world)
    bare = Twin(ingress, nginx, class_of(ingress), hosts, unseen, loading)
    twinned = bare.twinned
    if not twinned:
        return bare
    ctx = Context(world, ingress, twinned, nginx)
    return replace(
        bare,
        gateways=ctx.gateways,
        controller=ctx.controller,
        annotations=annotation_twins(ctx),
        defaults=default_twins(ctx),
        tls=tls_twins(world, ingress, twinned),
        solvers=tuple(solver_troubles(world, ingress, twinned)),
        shut=shut_services(ctx),
        settings=tuple(lost_settings(world, ingress, twinned)),
        extras=_extras(ingress, twinned),
    )


def _unseen(world: World) -> tuple[str, bool]:
    # a route may be in any namespace, whatever the Ingress's is
    unread = unread_kinds(world)
    return unread, bool(unread) and world.snapshot.state_of(unread.split()[0]).state == "loading"


def host_twin(world: World, ingress: Ingress, host: str, *, nginx: bool) -> HostTwin:
    """One host of an Ingress on both sides, with the Ingress's own paths."""
    old = OldSide(world, host, class_of(ingress), nginx=nginx)
    new = _new_side(world, old, nginx_value(ingress, "force-ssl-redirect") == "true")
    own = tuple(path for path in old.paths if path.ingress == ingress.ref)
    targets = (*(target for path in own for target in path.targets), *_canary_targets(ingress, old, None))
    has_twin = bool(new.named) or new.leads_to(targets)
    if not has_twin:
        return HostTwin(host, old, new, has_twin=False)

    def expected(request: str, before: Answer) -> tuple[Target, ...]:
        added = (target for one in old.ingresses for target in _canary_targets(one, old, before.path))
        return tuple(dict.fromkeys((*before.targets, *added)))

    def redirects(request: str, answer: Answer) -> bool:
        return _redirects_too(ingress, request)

    paths = compare_paths(old, new, own, expected, redirects)
    return HostTwin(host, old, new, has_twin=True, paths=paths, plain_ends=_plain_ends(world, old, new))


def _plain_ends(world: World, old: OldSide, new: NewSide) -> bool:
    """Whether plain HTTP is answered by nothing any more, not even by a redirect."""
    if old.has_tls or not new.tls:
        return False
    plain = NewSide(world, old.host, tls=False)
    return not plain.unsure and not plain.answers


def _new_side(world: World, old: OldSide, forced: bool) -> NewSide:
    """The listeners that clients of the old side come to: TLS where it has a certificate, else plain HTTP."""
    either = NewSide(world, old.host)
    if old.has_tls or forced:
        return NewSide(world, old.host, tls=bool(either.secure_listeners))
    plain = NewSide(world, old.host, tls=False)
    asked = (plain.answer(path.path) for path in old.paths if path.path.startswith("/"))
    served = any(answer is not None and not answer.redirect.endswith(" to https") for answer in asked)
    return plain if served else either


def _canary_targets(ingress: Ingress, old: OldSide, path: str | None) -> tuple[Target, ...]:
    """The backends that a canary adds to ``path`` (None: to any) for plain requests."""
    weight = nginx_value(ingress, "canary-weight")
    if not is_canary(ingress) or (path is not None and weight in ("", "0")):
        return ()
    return tuple(
        Target(
            "Service", ingress.meta.namespace, entry.backend.service.name, entry.backend.service.port.number
        )
        for rule in ingress.spec.rules
        if rule.host.lower() == old.key
        for entry in rule.http.paths
        if entry.backend.service is not None and path in (None, entry.path or "/")
    )


def _redirects_too(ingress: Ingress, request: str) -> bool:
    if nginx_value(ingress, "permanent-redirect") or nginx_value(ingress, "temporal-redirect"):
        return True
    return bool(nginx_value(ingress, "app-root")) and request == "/"


def _extras(ingress: Ingress, twinned: tuple[HostTwin, ...]) -> tuple[Extra, ...]:
    """Told once for a host: by the Ingress that has its first path."""
    found: list[Extra] = []
    for twin in twinned:
        first: OldPath | None = next(iter(twin.old.paths), None)
        if first is not None and first.ingress == ingress.ref:
            answers = [answer for path in twin.paths for answer in path.answers]
            found += [Extra(twin.host, *one) for one in only_new(twin.old, twin.new, answers)]
    return tuple(found)
