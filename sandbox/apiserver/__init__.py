"""A small Kubernetes API server that kubectl cannot tell from a cluster, for what Pointsman uses."""

from __future__ import annotations

from .access import Policy, Rule, User
from .faults import Faults
from .proxy import ProxyAnswer
from .server import ApiServer
from .storage import Storage

__all__ = ["ApiServer", "Faults", "Policy", "ProxyAnswer", "Rule", "Storage", "User"]
