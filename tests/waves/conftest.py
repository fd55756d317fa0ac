"""What the tests of waves share with those of the screens."""

from __future__ import annotations

import sys
from pathlib import Path

# a terminal for the program, and the app on a world
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tui"))
