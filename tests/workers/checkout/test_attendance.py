"""Which kiosks close, and which machine stops more than its share."""

from storeloom.workers.checkout import attendance


def kiosk(interventions=0, session=None, closed=False):
    return {"interventions": interventions, "session": session, "closed": closed}


def test_idle_ones_with_most_interventions_close_first_never_a_basket():
    kiosks = {"K1": kiosk(1), "K2": kiosk(5, "s"), "K3": kiosk(3), "K4": kiosk(3)}
    assert attendance.to_change(kiosks, 2) == [("K3", True), ("K4", True)]
    assert attendance.to_change(kiosks, 0) == [("K3", True), ("K4", True), ("K1", True)]


def test_they_open_again_the_quiet_ones_first():
    kiosks = {"K1": kiosk(1, closed=True), "K2": kiosk(0, closed=True), "K3": kiosk(0)}
    assert attendance.to_change(kiosks, 2) == [("K2", False)] and attendance.to_change(kiosks, 9) == [("K2", False), ("K1", False)]


def test_cusum_of_4_5_6_against_two_expected():
    charts = {}
    seen = []
    for count in (4, 5, 6):
        hour = {"K1": {"interventions": count, "receipts": 2}, "K2": {"interventions": 0, "receipts": count - 2}}
        found = attendance.chart(hour, charts, 0.5, 4)["K1"]
        seen.append((found["expected"], found["cusum"], found["service"]))
    assert seen == [(2, 1, False), (2, 3, False), (2, 6, True)] and charts["K1"] == 0


def test_an_hour_without_receipts_expects_nothing():
    assert attendance.chart({"K1": {"interventions": 2, "receipts": 0}}, {}, 0.5, 4)["K1"]["cusum"] == 2
