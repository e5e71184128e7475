"""The short form of a chain: server, three agents, three stores as processes; the long ones: `python -m tests.faults.chain_kills`."""

import random

import pytest

from tests.faults.chain import Chain3
from tests.faults.chain_days import bad_release, changed_setting, error_release, first_release
from tests.faults.chain_kills import finish, kill, roll_over

pytestmark = [pytest.mark.long, pytest.mark.thorough]


@pytest.fixture
def chain(tmp_path):
    made = Chain3(tmp_path / "chain")
    yield made
    made.end()


def test_a_release_goes_over_a_chain_a_bad_one_comes_back_and_kills_change_nothing(chain):
    chain.found()
    with chain.selling():
        first_release(chain)
        changed_setting(chain)
        rollout = roll_over(chain, 1, random.Random(1))
        for who in ("server", "s1", "s3"):
            kill(chain, who, random.Random(1))
            assert chain.at_any_time() == []
        assert finish(chain, rollout) == []
        good = chain.agent("s1")["actual"]
        bad_release(chain, good)
        error_release(chain, good)
    assert chain.at_the_end() == []
