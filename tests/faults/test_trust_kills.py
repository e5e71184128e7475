"""The short form of the kills of a publishing server."""

from tests.faults.trust_kills import campaign


def test_a_server_that_is_killed_while_it_publishes_loses_nothing(tmp_path):
    assert campaign(tmp_path, kills=5, seed=1) >= 5
