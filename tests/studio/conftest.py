"""Drafts of the tests are kept in a folder of their own, and a page that ran leaves the process as it was."""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from storeloom.studio.draft_file import FOLDER


@pytest.fixture(autouse=True)
def drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which drafts are kept."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "drafts"))
    return tmp_path / "drafts"


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes the page that it runs this process's main module, which every process spawned later would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True, scope="session")
def components() -> Iterator[None]:
    """Streamlit asks every installed package for components of its own at each run of a page: here once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests))
        yield
