"""Who may do what: a small RBAC, with rules that tests can take away while the server runs."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .kinds import Resource
from .problems import ApiError, bad_request, forbidden
from .registry import Registry

Json = dict[str, Any]
READ_VERBS = ("get", "list", "watch")
# whoever is in it may do everything, whatever the rules say
SUPERUSERS = "system:masters"
_EVERYBODY = "system:authenticated"
_AUTHENTICATION = "authentication.k8s.io"
_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources (`gateways`, `pods/proxy`, `*`) of API groups; with no namespaces: in all."""

    verbs: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ("*",)
    namespaces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def covers(self, asked: Asked) -> bool:
        return (
            _among(asked.verb, self.verbs)
            and _among(asked.group, self.groups)
            and _resource_among(asked.resource, asked.subresource, self.resources)
            and (not self.namespaces or asked.namespace in self.namespaces)
            and (not self.names or asked.name in self.names)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request would do, as an authorizer sees it."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = (_EVERYBODY,)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Impersonated:
    """Who a client asks to be, by its Impersonate-* headers."""

    name: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == Impersonated()

    def asked(self) -> Iterator[Asked]:
        """What the client must be allowed to."""
        if self.name.startswith(_ACCOUNT_PREFIX):
            namespace, _, name = self.name.removeprefix(_ACCOUNT_PREFIX).partition(":")
            yield Asked("impersonate", "", "serviceaccounts", namespace=namespace, name=name)
        else:
            yield Asked("impersonate", "", "users", name=self.name)
        for group in self.groups:
            yield Asked("impersonate", "", "groups", name=group)
        if self.uid:
            yield Asked("impersonate", _AUTHENTICATION, "uids", name=self.uid)
        for key, value in self.extra:
            yield Asked("impersonate", _AUTHENTICATION, "userextras", key, name=value)


ADMINISTRATOR = User("practice-admin", (SUPERUSERS, _EVERYBODY), (Rule(),))
READER = User("practice-reader", (_EVERYBODY,), (Rule(verbs=READ_VERBS),))

# who sends no credentials
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))

# what every authenticated user may do: ask what it may do
_SELF_REVIEWS = (
    Rule(("create",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews"), ("authorization.k8s.io",)),
    Rule(("create",), ("selfsubjectreviews",), ("authentication.k8s.io",)),
)


_HEALTH_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
# what every authenticated user may ask beside the kinds: discovery, and what tells of the server itself
_OPEN_PATHS = (
    ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH_PATHS),
    _HEALTH_PATHS,
)


def _among(word: str, wanted: tuple[str, ...]) -> bool:
    return "*" in wanted or word in wanted


def _resource_among(resource: str, subresource: str, wanted: tuple[str, ...]) -> bool:
    if not subresource:
        return _among(resource, wanted)
    return any(choice in ("*", f"{resource}/{subresource}", f"*/{subresource}") for choice in wanted)


@dataclass(slots=True)
class Policy:
    """The users by token, and what is denied to them for the moment. Tokens never appear in its repr.

    `tells_rules` False: no rule is told to whoever asks for all of them, as by authorizers behind a webhook.
    `anonymous`: who sends no credentials is system:anonymous, who may do little (403); else nobody (401), as
    with --anonymous-auth=false.
    """

    users: dict[str, User] = field(repr=False)
    denials: list[tuple[str, Rule]] = field(default_factory=list)
    tells_rules: bool = True
    anonymous: bool = False

    def user_of(self, token: str) -> User | None:
        return self.users.get(token)

    def impersonate(self, user: User, wanted: Impersonated) -> User:
        """Who `user` is when it asks to be somebody: that user, with the groups that were named.

        Each thing that is named needs its own right. Raises ApiError 403, and 400 where no user is named.
        """
        if wanted.is_empty:
            return user
        if not wanted.name:
            raise bad_request(f"requested {wanted!r} without impersonating a user name")
        for asked in wanted.asked():
            self.check(user, asked)
        known = next((other for other in self.users.values() if other.name == wanted.name), None)
        return User(wanted.name, (*wanted.groups, _EVERYBODY), known.rules if known else ())

    def deny(
        self,
        verbs: Iterable[str] = ("*",),
        resources: Iterable[str] = ("*",),
        groups: Iterable[str] = ("*",),
        namespaces: Iterable[str] = (),
        user: str = "*",
    ) -> Callable[[], None]:
        """Take rights away from users whose name matches `user` (a glob). Returns what gives them back."""
        denial = (user, Rule(tuple(verbs), tuple(resources), tuple(groups), tuple(namespaces)))
        self.denials.append(denial)

        def allow_again() -> None:
            if denial in self.denials:
                self.denials.remove(denial)

        return allow_again

    def allows(self, user: User, asked: Asked) -> bool:
        if any(denial.covers(asked) for denial in self._denials_of(user)):
            return False
        if SUPERUSERS in user.groups:
            return True
        if _EVERYBODY not in user.groups:
            return any(rule.covers(asked) for rule in user.rules)
        return any(rule.covers(asked) for rule in (*_SELF_REVIEWS, *user.rules))

    def check_path(self, user: User, path: str) -> None:
        """Raises ApiError 403 where the user may not get a path that is no kind's."""
        if not self.allows_path(user, "get", path):
            raise forbidden(f'forbidden: User "{user.name}" cannot get path "{path}"', {})

    def check(self, user: User, asked: Asked) -> None:
        """Raises ApiError 403 in the words of the real authorizer."""
        if not self.allows(user, asked):
            raise _refusal(user, asked)

    def rules_of(self, user: User, namespace: str, registry: Registry) -> list[Rule]:
        """What the user may do in a namespace, without what is denied; for SelfSubjectRulesReview."""
        granted = [rule for rule in user.rules if not rule.namespaces or namespace in rule.namespaces]
        if not self._denials_of(user):
            return [*granted, *_SELF_REVIEWS]
        return [*self._without_denials(user, namespace, registry), *_SELF_REVIEWS]

    def path_rules_of(self, user: User) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Verbs and paths that are no kinds'; for SelfSubjectRulesReview."""
        everything = [(("*",), ("*",))] if SUPERUSERS in user.groups else []
        known = _OPEN_PATHS if _EVERYBODY in user.groups else _OPEN_PATHS[1:]
        return [*everything, *((("get",), paths) for paths in known)]

    def allows_path(self, user: User, verb: str, path: str) -> bool:
        """Whether the user may ask for a path that is no kind's."""
        return any(
            _among(verb, verbs) and any(fnmatch.fnmatchcase(path, pattern) for pattern in paths)
            for verbs, paths in self.path_rules_of(user)
        )

    def _denials_of(self, user: User) -> list[Rule]:
        return [rule for pattern, rule in self.denials if fnmatch.fnmatchcase(user.name, pattern)]

    def _without_denials(self, user: User, namespace: str, registry: Registry) -> list[Rule]:
        """A wildcard with holes in it cannot be said as one rule: it becomes a rule for each kind."""
        rules = []
        for resource in registry:
            verbs = tuple(
                verb
                for verb in resource.verbs
                if self.allows(user, _asked_of(resource, verb, namespace)) and len(resource.verbs) > 1
            )
            if verbs:
                rules.append(Rule(verbs, (resource.plural,), (resource.group,)))
        return rules


def _asked_of(resource: Resource, verb: str, namespace: str) -> Asked:
    return Asked(verb, resource.group, resource.plural, namespace=namespace if resource.namespaced else "")


def _refusal(user: User, asked: Asked) -> ApiError:
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    subject = f'{qualified} "{asked.name}"' if asked.name else qualified
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user.name}" cannot {asked.verb} resource "{resource}" '
        f'in API group "{asked.group}" {where}'
    )
    details: Json = {"kind": asked.resource}
    if asked.group:
        details["group"] = asked.group
    if asked.name:
        details["name"] = asked.name
    return forbidden(message, details)
