"""The printed texts, run as they stand by the providers' real tools, against stand-ins for their APIs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pointsman.checklists.plans.model import Console, DnsPlan
from pointsman.checklists.records import cloudflare
from pointsman.checklists.records.base import RecordChange, RecordSet
from pointsman.checklists.records.consoles import console_text
from practice_consoles import Held, practice_console
from records_kit import HOST, NEW, OLD, OLD6, ZONE, a_set

pytestmark = pytest.mark.real
HTTPS = RecordSet(HOST, "HTTPS", 60, ('1 . alpn="h2"',))
OTHER = a_set("192.0.2.77", 60, "other.shop.test")
BEFORE = (RecordSet(HOST, "A", 60, (OLD, "192.0.2.2")), a_set(OLD6, 60), HTTPS)
SWITCH = RecordChange("switch", ZONE, (HOST,), BEFORE, tuple(sorted((a_set(NEW, 60), HTTPS))))
LOWER = RecordChange(
    "lower-ttl", ZONE, (HOST,), BEFORE, tuple(RecordSet(one.host, one.type, 30, one.values) for one in BEFORE)
)
TO_ALIAS = RecordChange(
    "switch", ZONE, (HOST,), BEFORE, tuple(sorted((RecordSet(HOST, "CNAME", 60, ("lb.example.",)), HTTPS)))
)
ONE_SET = RecordChange("switch", ZONE, (HOST,), BEFORE[:1], (a_set(NEW, 60),))
TOOLS: dict[Console, tuple[str, ...]] = {
    "route53": ("aws",),
    "cloud-dns": ("gcloud",),
    "cloudflare": ("curl", "jq"),
}
TOKEN = "practice-token-of-nobody"


def typed(
    console: Console, change: RecordChange, address: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """The text in a shell, with the tools led to ``address``."""
    for tool in TOOLS[console]:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}, not installed")
    text = "\n".join(
        console_text(change, DnsPlan("show", ZONE, ("192.0.2.53:53",), 1, console=console, zone_id="Z1"))
    )
    assert TOKEN not in text
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "practice",
        "AWS_SECRET_ACCESS_KEY": "practice",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS": f"{address}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "practice",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDFLARE_API_TOKEN": TOKEN,
    }
    for name in ("PYENV_ROOT", "PYENV_VERSION"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return subprocess.run(
        ["/bin/sh"],
        input=f"{text.replace(cloudflare.API, address)}\n",
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("console", TOOLS)
def test_the_text_makes_exactly_the_change_and_never_over_somebody_else(
    console: Console, tmp_path: Path
) -> None:
    # gcloud takes a second for each step
    change = SWITCH if console != "cloud-dns" else ONE_SET
    held = Held((*change.before, OTHER))
    with practice_console(held) as address:
        ran = typed(console, change, address, tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert held.records == tuple(sorted((*change.after, OTHER)))
        if console != "cloud-dns":
            ran = typed(console, change.inverted(), address, tmp_path)
            assert ran.returncode == 0, ran.stderr
            assert held.records == tuple(sorted((*change.before, OTHER)))
        # and then somebody else was here
        held.sets[HOST, "A"] = (60, ("192.0.2.66",))
        other = dict(held.sets)
        ran = typed(console, change, address, tmp_path)
        assert ran.returncode != 0
        assert held.sets == other


@pytest.mark.parametrize(
    "change", [LOWER, TO_ALIAS, TO_ALIAS.inverted()], ids=["lower", "alias", "from alias"]
)
def test_cloudflare_edits_in_place_what_it_can(change: RecordChange, tmp_path: Path) -> None:
    held = Held(_without_dots(change.before))
    with practice_console(held) as address:
        ran = typed("cloudflare", change, address, tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert held.records == _without_dots(change.after)
    assert set(held.tokens) == {f"Bearer {TOKEN}"}
    assert [method for method, _ in held.requests] == ["GET", "POST"]


def _without_dots(sets: tuple[RecordSet, ...]) -> tuple[RecordSet, ...]:
    """Cloudflare writes an alias's target without the final dot."""
    return tuple(
        RecordSet(one.host, one.type, one.ttl, tuple(value.rstrip(".") for value in one.values))
        if one.type == "CNAME"
        else one
        for one in sets
    )
