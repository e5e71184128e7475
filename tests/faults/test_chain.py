"""The short form of a chain with its server, three agents and three stores as processes; the long ones: `python -m tests.faults.chain_kills`."""

import pytest

from tests.faults.chain import Chain3
from tests.faults.chain_days import bad_release, changed_setting, cut_line, first_release
from tests.postgres import Postgres, installed


@pytest.fixture
def chain(tmp_path):
    made = Chain3(tmp_path / "chain")
    yield made
    made.end()


def test_a_release_goes_over_a_chain_and_a_bad_one_comes_back(chain):
    chain.found()
    with chain.selling():
        first_release(chain)
        good = changed_setting(chain)
        bad_release(chain, good)
    assert chain.at_the_end() == []
