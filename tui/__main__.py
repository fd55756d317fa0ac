"""``python -m pointsman.tui``."""

from .cli import main

main()
