"""A chain's control plane and a store as an agent meets them, played by doubles."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:  # the helpers beside the tests are imported by their place in the tree
    sys.path.insert(0, ROOT)


@pytest.fixture
def chain(tmp_path):
    """An enrolled agent's folder, a control plane in a thread, a store that is only played."""
    from tests.agent.doubles import Chain

    made = Chain(tmp_path)
    yield made
    made.close()
