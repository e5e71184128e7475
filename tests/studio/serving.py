"""Serves a Streamlit app as the studio is served, and starts Debian's chromium, for tests in a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storeloom.core.kernel.registry import ROOT

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
UP_S = 60


@contextmanager
def served(app: Path, **environment: str) -> Iterator[str]:
    """The address of an app while it is served, in a process with this environment besides the test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless", "true", "--server.fileWatcherType", "none", *the_studios()]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port), "--server.address", "127.0.0.1", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment})
    try:
        yield _up(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


@contextmanager
def chromium() -> Iterator[Any]:
    """A started browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def the_studios() -> list[str]:
    """The studio's own settings, as options: they hold for apps in its folder only."""
    return _options("", tomllib.loads((ROOT / "studio" / ".streamlit" / "config.toml").read_text(encoding="utf-8")))


def _options(group: str, told: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in told.items():
        found += _options(f"{group}{name}.", value) if isinstance(value, Mapping) else [f"--{group}{name}", str(value)]
    return found


def _up(address: str) -> str:
    until = time.monotonic() + UP_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health"):
                return address
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"nothing is served at {address}")
