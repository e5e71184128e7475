"""The package as a store meets it, once it is installed: `pip install -e ".[test]"`.

This is what to run after each change; `storeloom plugin check .` asks for far more.
"""

import subprocess
from pathlib import Path

import pytest
from storeloom.core import Registry, run_episode

import borea_chain

NAME = borea_chain.__name__
ROOT = Path(borea_chain.__path__[0])
REGISTRY = Registry()
INSTALLED = REGISTRY.catalogue.adapters
ADAPTERS = sorted(one for one in INSTALLED if INSTALLED[one].package.name == NAME)
EPISODES = sorted((ROOT / "tests" / "episodes").glob("*/*.yaml"))


@pytest.mark.parametrize("episode", EPISODES, ids=lambda path: path.stem)
def test_an_episode_holds(episode: Path) -> None:
    assert run_episode(episode, REGISTRY).differences == []


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_works_with_its_twin(adapter: str) -> None:
    words = ["storeloom", "plugin", "check", adapter, "--only", "round_trip"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
