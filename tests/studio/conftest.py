"""Drafts of the tests are kept in a folder of their own, and a page that ran leaves the process as it was."""

import sys
from pathlib import Path

import pytest

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
