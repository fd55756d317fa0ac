"""The arguments of an external-dns that decide what it does, read from its Deployment.

Source: external-dns docs/flags.md. Values given by environment variables are not seen: they may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ....cluster.knowledge.annotations import EXTERNAL_DNS_PREFIXES
from ....cluster.knowledge.controllers import image_name
from ....cluster.kubernetes_objects import Workload
from ....cluster.text import clean

IMAGE = "external-dns"
OLD_PREFIX, NEW_PREFIX = EXTERNAL_DNS_PREFIXES
KNOWN_SOURCES = frozenset(
    {
        *("ingress", "service", "gateway-httproute", "gateway-grpcroute"),
        *("gateway-tlsroute", "gateway-tcproute", "gateway-udproute"),
    }
)
ADDRESS_TYPES = ("A", "AAAA", "CNAME")

# which annotations are read changed with this release (docs/annotations, release notes of v0.22)
_NEW_PREFIX_SINCE = (0, 22)
_VERSION = re.compile(r":v?(\d{1,4})\.(\d{1,4})(?:[.\-@+]|$)")
_SHOWN = (
    *("--source", "--policy", "--gateway-", "--annotation-", "--label-filter", "--registry", "--txt-"),
    *("--domain-filter", "--exclude-domains", "--namespace", "--ingress-class", "--interval", "--ignore-"),
    *("--dry-run", "--min-ttl", "--managed-record-types", "--exclude-record-types", "--default-targets"),
)
# what makes names or targets by rules that are not followed here
_NOT_FOLLOWED = (
    *("--target-template", "--fqdn-target-template", "--regex-domain-filter", "--regex-domain-exclusion"),
    *("--target-net-filter", "--exclude-target-net", "--default-targets", "--force-default-targets"),
    *("--combine-fqdn-annotation", "--compatibility", "--migrate-from-txt-owner", "--nat64-networks"),
)
# a name that an Ingress or route does not give itself
_MORE_NAMES = ("--fqdn-template",)
_SECRET = "--txt-encrypt-aes-key"  # noqa: S105 - the argument's name
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
DEFAULT_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Flags:
    """What external-dns was told. Empty filters let everything through.

    ``shown`` are the arguments worth reading, without secrets. ``prefix`` is how the annotations begin that
    it reads; ``prefix_known``: by its release or argument. ``unsure`` are reasons why what it wants cannot be
    worked out here, ``doubts`` what might want the same names beside it. ``interval_s`` seconds.
    """

    sources: tuple[str, ...]
    policy: str
    shown: tuple[str, ...]
    registry: str = "txt"
    owner: str = "default"
    txt_prefix: str = ""
    txt_suffix: str = ""
    txt_wildcard: str = ""
    encrypted: bool = False
    domains: tuple[str, ...] = ()
    excluded_domains: tuple[str, ...] = ()
    annotation_filter: str = ""
    label_filter: str = ""
    namespace: str = ""
    gateway_name: str = ""
    gateway_namespace: str = ""
    gateway_labels: str = ""
    listener_sets: bool = False
    ingress_classes: tuple[str, ...] = ()
    ignore_hostname: bool = False
    ignore_rules: bool = False
    ignore_tls: bool = False
    record_types: tuple[str, ...] = ADDRESS_TYPES
    min_ttl: int = 0
    interval_s: float = DEFAULT_INTERVAL_S
    dry_run: bool = False
    prefix: str = OLD_PREFIX
    prefix_known: bool = True
    unsure: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def follows_gateways(self) -> bool:
        """Whether routes make records."""
        return any(one.startswith("gateway-") for one in self.sources)

    @property
    def follows_ingresses(self) -> bool:
        """Whether Ingresses make records."""
        return "ingress" in self.sources

    @property
    def other_prefix(self) -> str:
        """The prefix of annotations that it does not read."""
        return NEW_PREFIX if self.prefix == OLD_PREFIX else OLD_PREFIX

    def matches_domain(self, name: str) -> bool:
        """Whether ``--domain-filter`` and ``--exclude-domains`` leave it this name."""
        return (not any(self.domains) or _among(name, self.domains)) and not _among(
            name, self.excluded_domains
        )


def _among(name: str, domains: Iterable[str]) -> bool:
    bare = name.lower().rstrip(".")
    for domain in (one.lower().rstrip(".") for one in domains if one):
        inside = bare.endswith(domain) if domain.startswith(".") else bare.endswith(f".{domain}")
        if inside or bare == domain:
            return True
    return False


def is_external_dns(workload: Workload) -> bool:
    """Whether a workload runs external-dns, by its image."""
    return any(image_name(image) == IMAGE for image in workload.images)


def arguments(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """``--name=value`` and ``--name value`` alike; a flag that stands alone has the value ``true``."""
    pending = ""
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            if pending:
                yield pending, word
            pending = ""
            continue
        if pending:
            yield pending, "true"
        pending = "" if equals else name
        if equals:
            yield name, value
    if pending:
        yield pending, "true"


def flags_of(workload: Workload) -> Flags:
    """Read from the arguments of its containers, and the release from its image."""
    containers = [one for one in workload.spec.template.spec.containers if image_name(one.image) == IMAGE]
    containers = containers or list(workload.spec.template.spec.containers)
    given = [pair for container in containers for pair in arguments(container.args)]
    image = containers[0].image if containers else ""
    return flags_from(given, image)


def flags_from(given: Iterable[tuple[str, str]], image: str = "") -> Flags:
    """The flags of arguments that were taken apart already; ``image`` tells the release."""
    pairs = [(clean(name, 60), clean(value, 253)) for name, value in given]

    def every(name: str) -> tuple[str, ...]:
        return tuple(value for key, value in pairs if key == name and value)

    def last(name: str, default: str = "") -> str:
        return ([default, *every(name)])[-1]

    def on(name: str) -> bool:
        return last(f"--{name}", "false") == "true" and not every(f"--no-{name}")

    prefix, known = _annotation_prefix(last("--annotation-prefix"), image)
    sources = every("--source")
    managed = every("--managed-record-types") or ADDRESS_TYPES
    excluded = every("--exclude-record-types")
    return Flags(
        sources,
        # sync is what external-dns does when it is not told (docs/flags.md)
        last("--policy", "sync"),
        tuple(f"{name}={value}" for name, value in pairs if name.startswith(_SHOWN) and name != _SECRET),
        registry=last("--registry", "txt"),
        owner=last("--txt-owner-id", "default"),
        txt_prefix=last("--txt-prefix").lower(),
        txt_suffix=last("--txt-suffix").lower(),
        txt_wildcard=last("--txt-wildcard-replacement").lower(),
        encrypted=on("txt-encrypt-enabled"),
        domains=every("--domain-filter"),
        excluded_domains=every("--exclude-domains"),
        annotation_filter=last("--annotation-filter"),
        label_filter=last("--label-filter"),
        namespace=last("--namespace"),
        gateway_name=last("--gateway-name"),
        gateway_namespace=last("--gateway-namespace"),
        gateway_labels=last("--gateway-label-filter"),
        listener_sets=on("gateway-listener-sets"),
        ingress_classes=every("--ingress-class"),
        ignore_hostname=on("ignore-hostname-annotation"),
        ignore_rules=on("ignore-ingress-rules-spec"),
        ignore_tls=on("ignore-ingress-tls-spec"),
        record_types=tuple(one for one in ADDRESS_TYPES if one in managed and one not in excluded),
        min_ttl=int(_seconds(last("--min-ttl"), 0.0)),
        interval_s=_seconds(last("--interval"), DEFAULT_INTERVAL_S),
        dry_run=on("dry-run"),
        prefix=prefix,
        prefix_known=known,
        unsure=tuple(_unsure(pairs, sources)),
        doubts=tuple(_doubts(pairs, sources)),
    )


def _unsure(pairs: list[tuple[str, str]], sources: tuple[str, ...]) -> Iterator[str]:
    for name in sorted({name for name, value in pairs if name in _NOT_FOLLOWED and value}):
        yield f"{name} makes or filters names by rules that are not followed here"
    if not sources:
        yield "its sources are not among its arguments"


def _doubts(pairs: list[tuple[str, str]], sources: tuple[str, ...]) -> Iterator[str]:
    for source in sorted(set(sources) - KNOWN_SOURCES):
        yield f"its source {source} is not read here, and may want the same names"
    for name in sorted({name for name, value in pairs if name in _MORE_NAMES and value}):
        yield f"{name} makes names that are not worked out here"


def _annotation_prefix(given: str, image: str) -> tuple[str, bool]:
    if given:
        return given, True
    version = _VERSION.search(image.rpartition("/")[2])
    if version is None:
        return OLD_PREFIX, False
    release = (int(version[1]), int(version[2]))
    return (NEW_PREFIX if release >= _NEW_PREFIX_SINCE else OLD_PREFIX), True


def _seconds(text: str, default: float) -> float:
    """A Go duration such as ``1m30s``; a plain number is read as seconds."""
    if text.isdigit():
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return default
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
