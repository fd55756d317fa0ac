"""An octoDNS provider for tests: zone files on disk, and whatever a test wants to go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octodns.provider.yaml import YamlProvider


class Target(YamlProvider):
    """``before_plan`` and ``instead`` are called where a test set them."""

    before_plan: Callable[[], None] | None = None
    instead: Callable[[], None] | None = None
    extra: Callable[[Any], list[Any]] | None = None

    def plan(self, desired: Any, *arguments: Any, **more: Any) -> Any:
        if Target.before_plan is not None:
            Target.before_plan()
        return super().plan(desired, *arguments, **more)

    def _extra_changes(self, existing: Any, **more: Any) -> list[Any]:
        return Target.extra(existing) if Target.extra is not None else []

    def _apply(self, plan: Any) -> None:
        if Target.instead is not None:
            Target.instead()
            return
        super()._apply(plan)
