"""Name constraints: which names a CA may sign for (RFC 5280 4.2.1.10, RFC 9525 for wildcards). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from cryptography import x509

from .certificate import common_name, extension

# a certificate can hold thousands of names and of constraints: each pair is not looked at for ever
_MOST_PAIRS = 20_000


def forbidden_name(authority: x509.Certificate, below: Sequence[x509.Certificate]) -> str:
    """A name that ``authority`` may not sign for and that stands in a certificate below it; empty: none.

    ``below`` are the path's certificates under it, the leaf first. CAs that issued themselves are left out,
    as the RFC has it. Of mail addresses, URIs and other names nothing is said, nor of more addresses than
    anybody constrains: the verifier looks at those.
    """
    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return ""
    permitted, excluded = _Trees(constraints.permitted_subtrees), _Trees(constraints.excluded_subtrees)
    for name in _names(below):
        if permitted.concern(name) and not permitted.hold(name):
            return _shown(name)
        if excluded.hold(name) or excluded.could_be(name):
            return _shown(name)
    return ""


class _Trees:
    """The subtrees of one list. Host names are looked up by their own ends, so that many cost no more."""

    def __init__(self, trees: Sequence[x509.GeneralName] | None) -> None:
        every = trees or ()
        # a leading dot is against the RFC and common; every client that takes it takes it so
        self._hosts = {tree.value.lower().lstrip(".") for tree in every if isinstance(tree, x509.DNSName)}
        self._parents = {host.partition(".")[2] for host in self._hosts}
        self._networks = [
            tree.value
            for tree in every
            if isinstance(tree, x509.IPAddress) and isinstance(tree.value, (IPv4Network, IPv6Network))
        ]
        self._prefixes = [tree.value.rdns for tree in every if isinstance(tree, x509.DirectoryName)]
        self._left = _MOST_PAIRS

    def concern(self, name: x509.GeneralName) -> bool:
        """Whether there is a subtree of the name's kind."""
        if isinstance(name, x509.DNSName):
            return bool(self._hosts)
        if isinstance(name, x509.IPAddress):
            return bool(self._networks) and self._left > 0
        return isinstance(name, x509.DirectoryName) and bool(self._prefixes) and self._left > 0

    def hold(self, name: x509.GeneralName) -> bool:
        """Whether the name is in one of the subtrees."""
        if isinstance(name, x509.DNSName):
            labels = _bare(name.value).split(".")
            return any(".".join(labels[start:]) in self._hosts for start in range(len(labels) + 1))
        if isinstance(name, x509.IPAddress):
            self._left -= len(self._networks)
            address = name.value
            return any(
                isinstance(address, (IPv4Address, IPv6Address)) and address in network
                for network in self._networks
            )
        if isinstance(name, x509.DirectoryName):
            self._left -= len(self._prefixes)
            return any(name.value.rdns[: len(prefix)] == prefix for prefix in self._prefixes)
        return False

    def could_be(self, name: x509.GeneralName) -> bool:
        """Whether the name is a wildcard that could stand for a name in one of the subtrees."""
        wildcard = isinstance(name, x509.DNSName) and name.value.startswith("*.")
        return wildcard and _bare(str(name.value)) in self._parents


def constrains_directory_names(authority: x509.Certificate) -> bool:
    """Whether it constrains distinguished names, which our verifier cannot judge."""
    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return False
    trees = (*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ()))
    return any(isinstance(tree, x509.DirectoryName) for tree in trees)


def _names(below: Sequence[x509.Certificate]) -> Iterator[x509.GeneralName]:
    for depth, certificate in enumerate(below):
        if depth and certificate.subject == certificate.issuer:
            continue
        if certificate.subject.rdns:
            yield x509.DirectoryName(certificate.subject)
        yield from extension(certificate, x509.SubjectAlternativeName) or ()


def _bare(name: str) -> str:
    return name.lower().rstrip(".").removeprefix("*.")


def _shown(name: x509.GeneralName) -> str:
    return common_name(name.value) if isinstance(name, x509.DirectoryName) else str(name.value)
