"""A small Kubernetes API server that kubectl cannot tell from a cluster, for what Pointsman uses."""

from __future__ import annotations

from .server import ApiServer
from .storage import Storage

__all__ = ["ApiServer", "Storage"]
