"""What the cutovers on real servers share with the tests of records, screens and routing."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("records", "wire_dns", "tui", "routing"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
