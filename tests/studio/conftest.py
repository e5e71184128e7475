"""Drafts of the tests are kept in a folder of their own."""

from pathlib import Path

import pytest

from storeloom.studio.draft_file import FOLDER


@pytest.fixture(autouse=True)
def drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which drafts are kept."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "drafts"))
    return tmp_path / "drafts"
