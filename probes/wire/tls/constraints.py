"""Name constraints: which names a CA may sign for (RFC 5280 4.2.1.10, RFC 9525 for wildcards). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from cryptography import x509

from .certificate import common_name, extension


def forbidden_name(authority: x509.Certificate, below: Sequence[x509.Certificate], host: str) -> str:
    """A name that ``authority`` may not sign for and that stands in a certificate below it; empty: none.

    ``below`` are the path's certificates under it, the leaf first. ``host`` counts as a name of the leaf. CAs
    that issued themselves are left out, as the RFC has it. Of mail addresses, URIs and other names nothing
    is said: the verifier looks at those.
    """
    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return ""
    permitted, excluded = constraints.permitted_subtrees or [], constraints.excluded_subtrees or []
    for name in _names(below, host):
        of_kind = [tree for tree in permitted if type(tree) is type(name)]
        if of_kind and not any(_within(name, tree) for tree in of_kind):
            return _shown(name)
        if any(_touches(name, tree) for tree in excluded if type(tree) is type(name)):
            return _shown(name)
    return ""


def constrains_directory_names(authority: x509.Certificate) -> bool:
    """Whether it constrains distinguished names, which our verifier cannot judge."""
    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return False
    trees = (*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ()))
    return any(isinstance(tree, x509.DirectoryName) for tree in trees)


def _names(below: Sequence[x509.Certificate], host: str) -> Iterator[x509.GeneralName]:
    for depth, certificate in enumerate(below):
        if depth and certificate.subject == certificate.issuer:
            continue
        if certificate.subject.rdns:
            yield x509.DirectoryName(certificate.subject)
        names = extension(certificate, x509.SubjectAlternativeName)
        yield from names or ()
        if not depth and host and names is None and host.isascii():
            yield x509.DNSName(host)


def _within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        return _under(_bare(name.value), tree.value.lower())
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        network = tree.value
        if not isinstance(network, (IPv4Network, IPv6Network)):
            return False
        wanted = ip_network(name.value)
        return wanted.version == network.version and wanted.network_address in network
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        prefix = tree.value.rdns
        return name.value.rdns[: len(prefix)] == prefix
    return True


def _touches(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Whether a name is excluded; a wildcard is, where it could stand for an excluded name."""
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        excluded = tree.value.lower()
        stands_for_it = name.value.startswith("*.") and excluded.partition(".")[2] == _bare(name.value)
        return stands_for_it or _within(name, tree)
    kinds = (x509.IPAddress, x509.DirectoryName)
    return isinstance(name, kinds) and _within(name, tree)


def _bare(name: str) -> str:
    return name.lower().rstrip(".").removeprefix("*.")


def _under(name: str, tree: str) -> bool:
    # a leading dot is against the RFC and common; every client that takes it takes it so
    base = tree.lstrip(".")
    return not base or name == base or name.endswith("." + base)


def _shown(name: x509.GeneralName) -> str:
    return common_name(name.value) if isinstance(name, x509.DirectoryName) else str(name.value)
