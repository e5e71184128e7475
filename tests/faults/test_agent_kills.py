"""The short form of the kills of an agent; the long one: `python -m tests.faults.agent_kills`."""

import pytest

from tests.faults.agent_kills import kill_at_random, sweep

pytestmark = pytest.mark.long


@pytest.mark.thorough
def test_a_kill_before_or_after_a_write_of_the_journal_loses_nothing(tmp_path):
    wrong, kills = sweep(tmp_path, every=15)
    assert not wrong, wrong[:5]
    assert kills >= 10


def test_random_kills_on_a_bad_line_lose_nothing(tmp_path):
    wrong, kills = kill_at_random(tmp_path, 20, seed=7)
    assert not wrong, wrong[:5]
    assert kills >= 20
