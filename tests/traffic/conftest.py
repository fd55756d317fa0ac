"""The tools of the practice world's tests, and of the real servers', are used here too."""

from __future__ import annotations

import sys
from pathlib import Path

for _folder in ("sandbox_world", "wire", "wire_tls", "checklists"):
    sys.path.insert(0, str(Path(__file__).parents[1] / _folder))
