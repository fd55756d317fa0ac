"""The old side: which Ingress answers a path of a host, as ingress-nginx or the Ingress API has it.

Sources: Ingress API (pathType); ingress-nginx: locations are sorted by length, one expression makes the
whole host case-insensitive expressions, rewrite-target implies them, nginx redirects to a trailing slash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ....cluster.knowledge.annotations import NGINX_PREFIX
from ....cluster.kubernetes_objects import Ingress, IngressBackend, IngressPath
from ....cluster.refs import ObjectRef
from ....cluster.routing.bounded_regex import readable
from ....cluster.routing.ingress import CLASS_ANNOTATION, INGRESS_NGINX
from ....cluster.rules.hosts import host_keys
from ..world import World
from .answers import LONGEST_PATH, Answer, Covering, Pattern, Target


def class_of(ingress: Ingress) -> str:
    """The name of its class, by field or by the older annotation; empty where it has none."""
    return ingress.spec.ingress_class_name or ingress.meta.annotations.get(CLASS_ANNOTATION, "")


def is_nginx(world: World, ingress: Ingress) -> bool:
    """Whether ingress-nginx serves it: by its class, else by what it is annotated with, else by what runs."""
    name = class_of(ingress)
    known = world.snapshot.ingress_classes.get(ObjectRef("IngressClass", "", name, group="networking.k8s.io"))
    if known is not None:
        return known.spec.controller == INGRESS_NGINX
    keys = ingress.meta.annotations
    if any(key.startswith(NGINX_PREFIX) for key in keys):
        return True
    if any(key.startswith(("nginx.org/", "nginx.com/")) for key in keys):
        return False
    return "nginx" in name or (not name and bool(world.index.old_controllers))


def nginx_value(ingress: Ingress, key: str) -> str:
    """The value of an annotation of ingress-nginx; empty where there is none."""
    return ingress.meta.annotations.get(NGINX_PREFIX + key, "")


def is_canary(ingress: Ingress) -> bool:
    """Whether it only adds a second backend to the paths of another Ingress."""
    return nginx_value(ingress, "canary") == "true"


def uses_regex(ingress: Ingress) -> bool:
    """Whether its annotations make its host's paths expressions (rewrite-target does so too)."""
    if nginx_value(ingress, "use-regex") == "true":
        return True
    target = nginx_value(ingress, "rewrite-target")
    paths = (path.path or "/" for rule in ingress.spec.rules for path in rule.http.paths)
    return bool(target) and any(target != path for path in paths)


@dataclass(frozen=True, slots=True)
class OldPath:
    """A path of an Ingress. ``rank`` sorts them as the proxy tries them, highest first."""

    ingress: ObjectRef
    host: str
    path: str
    path_type: str
    pattern: Pattern
    targets: tuple[Target, ...]

    def answer(self) -> Answer:
        """What it answers."""
        return Answer(self.ingress, 0, self.path, self.path_type, self.targets)


class OldSide:
    """The Ingresses of one class, for one host. ``shared_regex`` is one that makes its paths expressions."""

    unsure = ""

    def __init__(self, world: World, host: str, ingress_class: str, *, nginx: bool) -> None:
        self.host = host.lower()
        self._world = world
        self._nginx = nginx
        self._answers: dict[str, Answer | None] = {}
        of_class = [
            ingress
            for ref in world.hosts.ingresses_for(host)
            if (ingress := world.snapshot.ingresses.get(ref)) is not None
            and class_of(ingress) == ingress_class
        ]
        # the oldest Ingress keeps a path that several have
        of_class.sort(key=lambda one: (one.meta.creation_timestamp or "9999", one.ref))
        served = {rule.host.lower() for one in of_class if not is_canary(one) for rule in one.spec.rules} | {
            "" for one in of_class if one.spec.default_backend is not None and not one.spec.rules
        }
        self.key = next((key for key in host_keys(host) if key in served), "")
        self._ingresses = [one for one in of_class if self.key in _keys_of(one)]
        regex = [one.ref for one in self._ingresses if nginx and uses_regex(one)]
        self.shared_regex = regex[0] if regex else None

    @property
    def ingresses(self) -> tuple[Ingress, ...]:
        """All that have a part in this host, canaries too."""
        return tuple(self._ingresses)

    @property
    def has_tls(self) -> bool:
        """Whether any of them has a certificate for this host; a host is served as one."""
        return any(tls_secret(one, self.host) is not None for one in self._ingresses)

    @cached_property
    def paths(self) -> tuple[OldPath, ...]:
        """The paths, each once, without those of canaries."""
        found: dict[tuple[str, str], OldPath] = {}
        for ingress in self._ingresses:
            if is_canary(ingress):
                continue
            for rule in ingress.spec.rules:
                if rule.host.lower() == self.key:
                    for path in rule.http.paths:
                        one = self._path(ingress, path)
                        found.setdefault((one.path, one.path_type), one)
        for ingress in self._ingresses:
            if ingress.spec.default_backend is not None:
                whole = Pattern("element", "/")
                targets = self._targets(ingress, ingress.spec.default_backend)
                catch_all = OldPath(ingress.ref, self.host, "/", "default", whole, targets)
                found.setdefault(("", "default"), catch_all)
        return tuple(found.values())

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What the paths cover."""
        return tuple(one.pattern for one in self.paths)

    @property
    def is_regex(self) -> bool:
        """Whether the paths of this host are expressions."""
        return self.shared_regex is not None

    def answer(self, path: str) -> Answer | None:
        """The Ingress that answers ``path``; a redirect where nginx adds the trailing slash itself."""
        if path not in self._answers:
            self._answers[path] = self._answer(path)
        return self._answers[path]

    def _answer(self, path: str) -> Answer | None:
        best = self.winner(path)
        slashed = f"{path}/"
        if self._nginx and not self.is_regex and (best is None or best.path != path):
            ending = self._slashed.get(slashed)
            if ending is not None:
                return replace(ending.answer(), redirect=slashed)
        return best.answer() if best else None

    @cached_property
    def _slashed(self) -> dict[str, OldPath]:
        """The paths to which nginx itself adds a missing slash."""
        return {one.path: one for one in reversed(self.paths) if one.pattern.kind in ("exact", "string")}

    @cached_property
    def _covering(self) -> Covering[int]:
        return Covering((one.pattern, place) for place, one in enumerate(self.paths))

    def winner(self, path: str) -> OldPath | None:
        """The path that takes a request, before nginx's own redirect."""
        # of equals the first: that of the older Ingress
        best = max(
            self._covering.at(path),
            key=lambda place: (self._rank(self.paths[place], path), -place),
            default=None,
        )
        return None if best is None else self.paths[best]

    def _rank(self, one: OldPath, path: str) -> tuple[int, int, int]:
        if one.path_type == "default":
            return -1, 0, 0
        if self.is_regex:
            return 0, len(one.path), 0
        exact = one.pattern.kind == "exact"
        whole = one.pattern.kind == "element" and path == one.path.rstrip("/")
        return (2 if exact else 1 if whole else 0), len(one.path.rstrip("/")), exact

    def _path(self, ingress: Ingress, path: IngressPath) -> OldPath:
        value = path.path or "/"
        targets = self._targets(ingress, path.backend)
        pattern = self._pattern(path.path_type, value)
        return OldPath(ingress.ref, self.host, value, path.path_type or "Prefix", pattern, targets)

    def _pattern(self, path_type: str, value: str) -> Pattern:
        if self.is_regex:
            return Pattern("regex", value, readable(value, LONGEST_PATH, ignore_case=True))
        if path_type == "Exact":
            return Pattern("exact", value)
        if self._nginx and path_type == "ImplementationSpecific":
            return Pattern("string", value)
        return Pattern("element", value)

    def _targets(self, ingress: Ingress, backend: IngressBackend) -> tuple[Target, ...]:
        namespace = ingress.meta.namespace
        if backend.resource is not None:
            return (Target(backend.resource.kind, namespace, backend.resource.name),)
        if backend.service is None:
            return ()
        name, port = backend.service.name, backend.service.port
        number = port.number or self._port_of(namespace, name, port.name)
        return (Target("Service", namespace, name, number),)

    def _port_of(self, namespace: str, service: str, name: str) -> int:
        known = self._world.snapshot.services.get(ObjectRef("Service", namespace, service))
        ports = known.spec.ports if known else ()
        return next((port.port for port in ports if port.name == name), 0)


def tls_secret(ingress: Ingress, host: str) -> str | None:
    """The Secret that an Ingress has for ``host``: empty for the default certificate, None for no TLS."""
    for entry in ingress.spec.tls:
        names = {name.lower() for name in entry.hosts}
        if not names or names & set(host_keys(host)):
            return entry.secret_name
    return None


def _keys_of(ingress: Ingress) -> set[str]:
    keys = {rule.host.lower() for rule in ingress.spec.rules}
    return keys or {""}
