"""The short form of `python -m tests.faults.store sweep`: faults at some of a store's writes in every stage, then the same end."""

import pytest

from tests.faults.store_sweep import SWEPT, compiler, sweep

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler: what lets a system call fail cannot be built")


def test_after_a_fault_at_some_writes_of_every_stage_the_store_ends_as_one_never_hurt(tmp_path):
    outcome = sweep(tmp_path / "c", 1, ("torn write", "ENOSPC"))
    assert outcome.wrong == []
    assert {stage for stage, changes in outcome.changes.items() if changes} >= set(SWEPT) and outcome.ends["killed"] >= 6, outcome.text()
