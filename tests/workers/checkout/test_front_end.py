"""Who stands in, what is printed first, who gets the processor."""

from storeloom.workers.checkout import front_end


def test_the_first_backup_that_is_well_and_of_the_kind():
    known = {"P2": {"kind": "printer", "use": False}, "P3": {"kind": "scale", "use": True}, "P4": {"kind": "printer", "use": True}}
    assert front_end.stand_in(["P2", "P3", "P9", "P4"], "printer", known, {}) == "P4"
    assert front_end.stand_in(["P2", "P9"], "printer", known, {}) == "P9"
    assert front_end.stand_in(["P2", "P9"], "printer", known, {"P9": "scale"}) is None


def test_receipts_before_labels_before_reports():
    jobs = [{"job": str(n), "kind": kind} for n, kind in enumerate(("report", "poster", "label", "receipt", "label"))]
    assert [job["job"] for job in front_end.print_order(jobs)] == ["3", "2", "4", "1", "0"]


def test_idle_shares_are_lent_but_for_the_tills():
    shares = {"till": 30, "surveillance": 20, "signage": 10, "labels": 5, "recognition": 35}
    given = front_end.allot(shares, {"till": 10, "surveillance": 25, "recognition": 60})
    # 70 beside the till's: 20 and 35 of their own, 15 idle by 20 to 35, of which surveillance needs 5
    assert given == {"till": 10, "surveillance": 25, "signage": 0, "labels": 0, "recognition": 45}
    assert front_end.allot(shares, {"till": 90})["till"] == 90
    assert front_end.allot({"till": 100}, {"till": 50}) == {"till": 50}
