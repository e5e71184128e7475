"""The short form of `python -m tests.faults.store kills`: a store killed at random moments ends as the plain-Python reference says."""

from tests.faults.lives import Processes, nursery
from tests.faults.store_kills import kills


def test_killed_processes_lose_nothing_and_count_nothing_twice(tmp_path):
    outcome = kills(tmp_path / "c", Processes(), seed=1, facts=5000, count=8)
    assert outcome.wrong == []
    assert (outcome.kills, outcome.sent_again > 500, outcome.commands_again > 0) == (8, True, True), outcome.text()


def test_thirty_kills_while_it_starts_accepts_handles_commits_and_commands(tmp_path):
    with nursery() as cradle:
        outcome = kills(tmp_path / "c", cradle, seed=2, facts=1200, count=30)
    assert outcome.wrong == [] and outcome.kills == 30, outcome.text()


def test_the_reference_sees_a_fact_that_is_lost_a_state_that_is_wrong_and_a_command_too_many(tmp_path):
    """Were nothing found here, the campaigns could not find anything."""
    from storeloom.core.runtime.log import StoreLog
    from tests.faults.store_kills import Killed, differences

    with nursery() as cradle:
        assert kills(tmp_path / "c", cradle, seed=3, facts=200, count=0).wrong == []
    data = tmp_path / "c" / "data"
    log = StoreLog(data / "store.db")
    records = list(log.read())
    lost = [one for one in records if one.event.data.get("lot") != "77"]
    assert any("facts missing: [77]" in line for line in differences(data, lost, 200, Killed()))
    with open(data / "heard", "a", encoding="ascii") as heard:
        heard.write("nobody-said-this\n")
    assert any("nobody said" in line for line in differences(data, records, 200, Killed()))
    log.save_state("a", [("heard", b"999")])
    log.close()
    assert any(line.startswith("state of a: heard is 999") for line in differences(data, records, 200, Killed()))
