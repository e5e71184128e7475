"""A vendor's toy shop, and the command line called as its user would."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.cli import main

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:  # the helpers beside the tests are imported by their place in the tree
    sys.path.insert(0, ROOT)

TELLER = """
@on("pos.sale")
def ring(self, event):
    \"\"\"Every sale is told, and once more a minute later.\"\"\"
    self.state["count"] = self.state.get("count", 0) + 1
    self.kpi.add("seen")
    self.timers.set("later", event["receipt"], event.time + timedelta(seconds=60), {})
    yield out("alert.raise", alert=event["receipt"], kind="hot", severity="info", state="open", text=str(self.state["count"]))

@timer("later")
def later(self, due):
    yield out("alert.raise", alert=due.key, kind="hot", severity="info", state="cleared", text=str(self.state["count"]))
"""
EPISODE = """solution: toy_teller
title: a sale is told
given:
  - at: 2026-03-02T10:00:00Z
    stream: pos.sale
    data: {receipt: r1, kind: sale, till: t1, channel: till, lines: [], payments: [], total: 0}
until: 2026-03-02T11:00:00Z
expect:
  - {stream: alert.raise, at: 2026-03-02T10:01:00Z, data: {state: cleared}, times: 1}
"""


@dataclass
class Answer:
    """What a command said: its exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Runs `storeloom` in this process; what it cannot do must never be a traceback."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*argv: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def shop(toys: Any, bundle: Callable[..., Path]) -> Path:
    """A bundle of one toy that tells every sale."""
    toys.add("toy_teller", TELLER, adapters='"pos",', tail="\nfrom datetime import timedelta\n")
    toys.registry()
    return bundle("[solutions.toy_teller]\nconfig = { limit_c = 4 }\n", devices={"till-1": "pos"})


@pytest.fixture
def episode(tmp_path: Path) -> Path:
    """An episode of the toy."""
    path = tmp_path / "01_told.yaml"
    path.write_text(EPISODE, encoding="utf-8")
    return path
