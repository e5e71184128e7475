"""Answers beside the truth, worked by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import Event
from storeloom.core.virtual.score import score
from storeloom.core.virtual.trial import SolutionResult, TrialResult

START = datetime(2026, 3, 1, 16, tzinfo=UTC)  # midnight in Shanghai


def result(truth: dict[str, Any], *outputs: tuple[str, float, dict[str, Any]]) -> TrialResult:
    """One instance `one` that put out streams at hours of store time."""
    trial = TrialResult("t", START, START + timedelta(days=1), zone="Asia/Shanghai", truth=truth)
    trial.solutions["one"] = SolutionResult("one", 0, Counter(), {}, {})
    trial.outputs = [Event(stream, START + timedelta(hours=hour), data, source="one") for stream, hour, data in outputs]
    return trial


def pairs(trial: TrialResult) -> list[tuple[str, float, float]]:
    return [(one.name["en"], one.answer, one.truth) for one in score(trial)]


def traffic(begin: str, groups: int) -> dict[str, Any]:
    return {"scheme": "traffic", "from": begin, "parts": [{"name": "customers_in", "value": 99}, {"name": "groups", "value": groups}]}


def test_parties_are_compared_with_arrivals_and_a_corrected_hour_counts_once() -> None:
    truth = {"arrivals": {"2026-03-02T10": 7, "2026-03-02T11": 5}}
    first, again, second = (traffic(f"2026-03-02T0{hour}:00:00Z", groups) for hour, groups in ((2, 5), (2, 6), (3, 4)))
    trial = result(truth, *(("score.report", 12, report) for report in (first, again, second)))
    assert pairs(trial) == [("Parties of shoppers counted in", 10, 12)]


def alert(kind: str, **more: Any) -> dict[str, Any]:
    return {"alert": "a", "kind": kind, "severity": "high", "state": "open", "text": "warm", **more}


EXCURSIONS = {
    "excursions": [
        {"asset": "chiller-1", "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T03:00:00Z"},
        {"asset": "chiller-2", "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T03:00:00Z"},
    ]
}


def test_an_excursion_is_found_by_an_alert_on_its_cabinet_in_time() -> None:
    assert pairs(result(EXCURSIONS, ("alert.raise", 11.5, alert("cold_excursion", asset="chiller-1")))) == [
        ("Cold-cabinet faults alerted", 1, 2)
    ]


def test_an_alert_hours_after_an_excursion_or_before_it_does_not_find_it() -> None:
    late = ("alert.raise", 13.1, alert("cold_excursion", asset="chiller-1"))
    early = ("alert.raise", 9.9, alert("cold_excursion", asset="chiller-2"))
    assert pairs(result(EXCURSIONS, late, early)) == [("Cold-cabinet faults alerted", 0, 2)]


def test_who_claims_nothing_about_cold_is_not_judged_by_it() -> None:
    assert pairs(result(EXCURSIONS, ("alert.raise", 11, alert("open_punch", asset="chiller-1")))) == []


def test_gaps_are_found_while_they_last_and_open_ones_to_the_end() -> None:
    gaps = [
        {"gtin": "A", "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T03:00:00Z"},
        {"gtin": "B", "from": "2026-03-02T02:00:00Z", "to": None},
        {"gtin": "C", "from": "2026-03-02T02:00:00Z", "to": None},
    ]
    states = [
        ("shelf.state", hour, {"gtin": gtin, "state": state})
        for hour, gtin, state in ((10.2, "A", "out"), (20, "B", "out"), (20, "C", "low"))
    ]
    assert pairs(result({"gaps": gaps}, *states)) == [("Empty shelves seen", 2, 3)]


def test_a_till_case_is_pointed_out_by_its_receipt() -> None:
    cases = [{"receipt": r, "cashier": "c1", "at": "2026-03-02T02:00:00Z", "kind": "cash_void"} for r in ("R1", "R2")]
    said = ("alert.raise", 11, alert("cash_void", till="till-1", ref={"receipt": "R2"}))
    assert pairs(result({"cases": cases}, said)) == [("Till fraud cases pointed out", 1, 2)]


def test_the_last_forecast_issued_before_the_day_counts() -> None:
    def forecast(mean: float, issued: str, key: str = "A", begin: str = "2026-03-01T16:00:00Z", end: str = "2026-03-02T16:00:00Z") -> Any:
        data = {"level": "item", "key": key, "unit": "each", "from": begin, "to": end, "mean": mean, "issued": issued}
        return ("forecast.demand", 0, data)

    truth = {"demand": {"2026-03-02": {"A": {"wanted": 9.0}}}}
    trial = result(
        truth,
        forecast(4, "2026-02-28T14:00:00Z"),
        forecast(8, "2026-03-01T14:00:00Z"),
        forecast(99, "2026-03-02T02:00:00Z"),  # known too late
        forecast(3, "2026-03-01T14:00:00Z", key="B"),  # nobody wanted it
        forecast(70, "2026-03-01T14:00:00Z", begin="2026-03-08T16:00:00Z", end="2026-03-09T16:00:00Z"),  # beyond the trial
    )
    assert pairs(trial) == [("Units expected by the forecast", 11, 9)]


def test_a_history_before_the_trial_is_no_part_of_its_truth() -> None:
    old = {"asset": "chiller-1", "from": "2026-02-20T02:00:00Z", "to": "2026-02-20T03:00:00Z"}
    truth = {"arrivals": {"2026-03-01T10": 70, "2026-03-02T10": 7}, "excursions": [old, *EXCURSIONS["excursions"]]}
    trial = result(
        truth,
        ("score.report", 12, traffic("2026-03-02T02:00:00Z", 5)),
        ("alert.raise", 11, alert("cold_excursion", asset="chiller-1")),
    )
    assert pairs(trial) == [("Parties of shoppers counted in", 5, 7), ("Cold-cabinet faults alerted", 1, 2)]


def test_real_input_has_no_truth_to_be_judged_by() -> None:
    assert score(result({}, ("score.report", 11, traffic("2026-03-02T02:00:00Z", 6)))) == []


def test_a_fault_is_found_by_an_alert_on_its_device_while_it_lasts() -> None:
    fault = {"device": "till-1", "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T03:00:00Z"}
    truth = {"device_faults": [fault, {**fault, "device": "till-2"}, {**fault, "device": "till-3"}]}
    found = ("alert.raise", 10.5, alert("device_offline", subject="till-1"))
    late = ("alert.raise", 11.5, alert("device_offline", subject="till-2"))
    assert pairs(result(truth, found, late)) == [("Devices found off line", 1, 3)]
    assert pairs(result(truth, ("alert.raise", 10.5, alert("queue_long", subject="till-1")))) == []


def test_a_piece_lost_in_the_fitting_room_is_told_by_its_serial() -> None:
    lost = {"epc": "urn:epc:id:sgtin:6981552.090108.77", "gtin": "6981552901080", "at": "2026-03-02T02:00:00Z"}
    truth = {"fitting_losses": [lost, {**lost, "epc": "urn:epc:id:sgtin:6981552.090108.78"}]}
    told = ("alert.raise", 10.6, alert("item_missing", subject="6981552901080", ref={"serial": "78"}))
    assert pairs(result(truth, told)) == [("Pieces missed after fitting", 1, 2)]


def test_a_ring_is_found_by_any_of_its_accounts_and_is_no_till_fraud() -> None:
    ring = {"kind": "account_ring", "accounts": ["m-1", "m-2"], "at": "2026-03-02T01:00:00Z"}
    banked = {"kind": "staff_points", "accounts": ["m-9"], "receipt": "R1", "cashier": "3", "at": "2026-03-02T01:00:00Z"}
    fraud = {"kind": "ghost_return", "receipt": "R1", "at": "2026-03-02T01:00:00Z"}
    truth = {"abuse": [ring, {**ring, "accounts": ["m-3"]}, banked], "cases": [fraud]}
    told = ("alert.raise", 12.0, alert("account_ring", subject="m-2"))
    review = ("task.create", 12.0, {"task": "t", "kind": "review_abuse", "title": "t", "priority": 2, "values": {"receipts": ["R1"]}})
    assert pairs(result(truth, told, review)) == [("Rings of accounts found", 1, 2)]


def test_false_clicks_are_found_by_post() -> None:
    truth = {"posts": [{"mention": name, "false_traffic": name != "p3"} for name in ("p1", "p2", "p3")]}
    told = [("alert.raise", 12.0, alert("false_traffic", subject=name)) for name in ("p1", "p3")]
    assert pairs(result(truth, *told)) == [("Posts with false clicks found", 1, 2)]


def test_data_requests_are_counted() -> None:
    truth = {"data_requests": [{"member": "m-1", "request": "access", "at": f"2026-03-02T0{n}:00:00Z"} for n in range(3)]}
    asked = [("task.create", 9.0 + n, {"task": f"t{n}", "kind": "data_request", "title": "t", "priority": 2}) for n in range(2)]
    assert pairs(result(truth, *asked)) == [("Data requests taken up", 2, 3)]


def test_packs_are_those_of_the_last_report_of_rooms_that_were_told() -> None:
    truth = {"live_rooms": [{"live": "l1", "packs": 5}, {"live": "l2", "packs": 7}]}
    reports = [
        ("insight.report", hour, {"report": "live_room:l1", "kind": "live_room", "figures": {"packs": {"value": packs}}})
        for hour, packs in ((20, 3), (21, 4))
    ]
    assert pairs(result(truth, *reports)) == [("Packs sold in live rooms", 4, 5)]


def test_guests_who_stayed_away_count_once_their_time_is_over() -> None:
    truth = {"bookings": [{"order": order, "comes": order == "S1"} for order in ("S1", "S2", "S3")]}
    told = [
        ("service.booking", 12.0, {"booking": one, "status": status})
        for one, status in (("S1", "served"), ("S2", "no_show"), ("S3", "booked"))
    ]
    assert pairs(result(truth, *told)) == [("Booked guests who stayed away", 1, 1)]


def test_money_on_cards_is_that_of_the_books_at_the_end() -> None:
    truth = {"gift_cards": {"a": {"face": 10000, "spent": 2500}, "b": {"face": 20000, "spent": 0}}}
    books = [
        ("insight.report", hour, {"report": "p", "kind": "prepaid_books", "figures": {"card_balance": {"value": value}}})
        for hour, value in ((1, 1), (24, 27000))
    ]
    assert pairs(result(truth, *books)) == [("Money on gift cards (minor units)", 27000, 27500)]
    assert pairs(result(truth, books[0])) == []


def test_a_wrong_price_is_cut_off_while_it_holds() -> None:
    slip = {"gtin": "g1", "price": 500, "right": 1000, "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T02:50:00Z"}
    truth = {"price_slips": [slip, {**slip, "gtin": "g2"}]}
    told = [("alert.raise", hour, alert("price_fuse", subject=gtin)) for hour, gtin in ((10.5, "g1"), (11.5, "g2"))]
    assert pairs(result(truth, *told)) == [("Wrong prices cut off", 1, 2)]
