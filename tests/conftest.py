"""What all tests share: where the third-party data is, and that nothing of the user's is touched."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# the real API server, for whatever test is marked `live`
pytest_plugins = ("live_fixtures",)
_REPOSITORY = Path(__file__).resolve().parent.parent

# `nohup make test &` ignores these; the programs started here would inherit that, and some are ended by them.
# What is ignored stays ignored behind exec; what has a handler does not.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda _number, _frame: None)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the journals, kubeconfig or colours of whoever runs it."""
    monkeypatch.setenv("POINTSMAN_STATE_DIR", str(tmp_path / "pointsman-state"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "NO_COLOR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party data: $POINTSMAN_SHARED, else `shared` beside the repository."""
    path = Path(os.environ.get("POINTSMAN_SHARED", _REPOSITORY.parent / "shared"))
    if not (path / "corpus").is_dir():
        pytest.skip(f"needs the third-party data: no corpus under {path} (set POINTSMAN_SHARED)")
    return path
