"""A small Kubernetes API server that kubectl cannot tell from a cluster, for what Pointsman uses.

kinds, registry, crds        which kinds are served, as data; how they come and go
objects, storage, history    the objects, their versions, the recent changes and who follows them
requests, server             a path and a method become a target and a verb; HTTPS, tokens, answers
reading, watching, writing   the verbs; `changing` holds the preconditions, `patches` the patch types
answers, printers            whole objects, metadata only, or the Tables that kubectl prints
access, reviews              rights, and the questions about them
faults                       what a tired API server does to its clients
"""

from __future__ import annotations

from .access import Policy, Rule, User
from .faults import Faults
from .proxy import ProxyAnswer
from .server import ApiServer
from .storage import Storage

__all__ = ["ApiServer", "Faults", "Policy", "ProxyAnswer", "Rule", "Storage", "User"]
