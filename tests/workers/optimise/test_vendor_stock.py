"""What is accepted of a supplier's proposal, and what is ordered without one."""

from storeloom.workers.optimise.vendor_stock import accepted, differences, nearest_notice, own_proposal


def test_a_proposal_is_trimmed_to_whole_cases_within_the_greatest_cover():
    assert accepted(90, 80, 10, 14, 12) == 60
    assert accepted(60, 80, 10, 14, 12) == 60
    assert accepted(59, 80, 10, 14, 12) == 59
    assert accepted(90, 200, 10, 14, 12) == 0
    assert accepted(1, 0, 0, 14, 12) == 0


def test_the_own_proposal_reaches_the_least_cover():
    assert own_proposal(50, 10, 7, 12) == 24
    assert own_proposal(46, 10, 7, 12) == 24
    assert own_proposal(70, 10, 7, 12) == 0


def test_differences_of_a_case_or_more():
    lines = {"A": {"told": 60, "received": 48}, "B": {"told": 60, "received": 50}}
    assert differences(lines, {"A": 12, "B": 12}) == {"A": (60, 48)}


def test_a_receipt_answers_the_notice_that_it_names():
    notices = {"S1": {"order": None, "lines": {"A": {}}}, "S2": {"order": "P2", "lines": {"A": {}}}}
    assert nearest_notice(notices, "A", "P2") == "S2"
    assert nearest_notice(notices, "A", None) == "S1"
    assert nearest_notice(notices, "B", "P2") is None
