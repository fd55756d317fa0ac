"""Questions about what is known of the controllers; the knowledge itself is in ``controller_data``."""

from __future__ import annotations

import re
from functools import lru_cache

from ..kinds import KindSpec, policy_spec
from .controller_data import CONTROLLERS, Controller
from .policy_kinds import NOT_POLICIES, POLICY_KINDS

__all__ = [
    "CONTROLLERS",
    "NOT_POLICIES",
    "Controller",
    "controller_of",
    "controller_of_image",
    "expected_api",
    "image_name",
    "known_policies",
    "release_of",
    "runs",
]


def known_policies() -> tuple[KindSpec, ...]:
    """Policy kinds that are read wherever a cluster serves them (plurals are taken from discovery)."""
    return tuple(policy_spec(entry.group, entry.kind, "") for entry in POLICY_KINDS)


@lru_cache(maxsize=256)
def controller_of(name: str) -> Controller | None:
    """The controller behind a controllerName, or None for one that is not known."""
    return next((entry for entry in CONTROLLERS if name in entry.names), None)


def runs(image: str, controller: Controller) -> bool:
    """Whether an image is that controller's, wherever it was pulled from."""
    return _is_its(_path_and_tag(image)[0], controller)


def release_of(image: str, controller: Controller) -> str:
    """The release (``1.8``) of a controller from the image of its Deployment; empty for another's image."""
    path, tag = _path_and_tag(image)
    found = re.match(r"v?(\d+)\.(\d+)", tag)
    return f"{found[1]}.{found[2]}" if found and _is_its(path, controller) else ""


def controller_of_image(image: str) -> Controller | None:
    """The controller whose image this is, whatever its registry, tag or digest; None for any other image."""
    return next((entry for entry in CONTROLLERS if runs(image, entry)), None)


def expected_api(controller: Controller, release: str) -> str:
    """The Gateway API version that a release was built against; empty where that is not known."""
    known = dict(controller.expects)
    return known.get(release) or known.get("*", "")


def image_name(image: str) -> str:
    """The last part of an image's path, without registry, tag and digest."""
    return _path_and_tag(image)[0].rpartition("/")[2]


def _path_and_tag(image: str) -> tuple[str, str]:
    whole = image.partition("@")[0]
    path, _, tag = whole.rpartition(":")
    # a registry's port is no tag
    return (whole, "") if not path or "/" in tag else (path, tag)


def _is_its(path: str, controller: Controller) -> bool:
    return any(path == name or path.endswith(f"/{name}") for name in controller.images)
