"""A trial's answers beside the truth: only pairs that compare like with like.

The virtual store keeps what really happened apart from the facts that solutions see. Where a solution says the same thing, its answer
is set beside it. A pair speaks for every solution that puts out its stream, and for no solution that does not claim to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Event, parse_time
from storeloom.core.virtual.figures import within
from storeloom.core.virtual.trial import TrialResult

COLD = ("excursion", "cold", "temperature", "use_first", "warm")
NO_TILL_FRAUD = frozenset({"account_ring", "staff_points", "coupon_burst", "review_abuse", "price_fuse"})
AFTER = timedelta(hours=2)  # food warms more slowly than its air: an alert may come when the air is cold again
LANE_S = timedelta(minutes=5)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """What an instance said (`answer`) and what was so (`truth`); `name` in English and Chinese."""

    name: Mapping[str, str]
    solution: str
    answer: float
    truth: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison. `compare` takes an instance's outputs and the result, and gives answer and truth, None where it has none."""

    en: str
    zh: str
    compare: Callable[[list[Event], TrialResult], tuple[float, float] | None]


def score(result: TrialResult) -> list[Score]:
    """Every pair that the trial can be judged by, by instance; none on real input, whose truth nobody knows."""
    if not result.truth:
        return []
    outputs: dict[str, list[Event]] = {name: [] for name in result.solutions}
    for event in result.outputs:
        outputs.setdefault(event.source, []).append(event)
    scores = []
    for name, events in outputs.items():
        for pair in PAIRS:
            found = pair.compare(events, result)
            if found is not None:
                scores.append(Score({"en": pair.en, "zh": pair.zh}, name, *found))
    return scores


def _of(events: Iterable[Event], *streams: str) -> list[Event]:
    return [event for event in events if event.stream in streams]


def _entries(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """Parties that came in: the virtual store's account counts those who shop together once, as `groups` of a traffic report do."""
    groups = {e["from"]: part["value"] for e in _of(events, "score.report") for part in e["parts"] if part["name"] == "groups"}
    arrivals = within(result.truth.get("arrivals", {}), result)
    return (sum(groups.values()), arrivals.total()) if groups and arrivals else None


def _found(cases: Iterable[Row], events: list[Event], late: timedelta, names: Callable[[Row, Event], bool]) -> tuple[float, float]:
    """How many true cases some event points at between their begin and their end (and `late`), and how many there are."""
    total = found = 0
    for case in cases:
        total += 1
        begin, end = _span(case, late)
        found += any(names(case, e) and begin <= e.time and (end is None or e.time <= end) for e in events)
    return found, total


def _cases(result: TrialResult, kind: str) -> list[Row]:
    """The true cases of a kind that touch the trial; those of a history before it are none of its business."""
    found = []
    for case in result.truth.get(kind, ()):
        if case.get("from", case.get("at")):
            begin, end = _span(case, timedelta())
            last = end or (result.end if "from" in case else begin)
            if begin < result.end and last >= result.start:
                found.append(case)
    return found


def _span(case: Row, late: timedelta) -> tuple[datetime, datetime | None]:
    begin = parse_time(case["from"] if "from" in case else case["at"])
    return begin, parse_time(case["to"]) + late if case.get("to") else None


def _excursions(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    alerts = [e for e in _of(events, "alert.raise") if any(word in e["kind"] for word in COLD)]
    cases = _cases(result, "excursions")
    return _found(cases, alerts, AFTER, lambda case, e: e.get("asset") == case["asset"]) if alerts and cases else None


def _gaps(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    seen = [e for e in _of(events, "shelf.state") if e["state"] == "out"]
    cases = _cases(result, "gaps")
    return _found(cases, seen, timedelta(), lambda case, e: e["gtin"] == case["gtin"]) if seen and cases else None


def _till_cases(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "alert.raise", "task.create") if "receipt" in str(e.data) and e["kind"] not in NO_TILL_FRAUD]
    cases = _cases(result, "cases")
    if not said or not cases:
        return None
    return _found(cases, said, timedelta(), lambda case, e: case["receipt"] in str(e.data))


def _lane_cases(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "vision.incident") if e["kind"] in ("missed_scan", "label_switch")]
    cases = _cases(result, "lane_cases")
    if not said or not cases:
        return None
    return _found(cases, said, LANE_S, lambda case, e: e["kind"] == case["kind"] and e.get("item") == case["gtin"])


def _labels(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = _of(events, "alert.raise", "task.create")
    cases = _cases(result, "label_faults")
    if not cases or not _of(events, "label.update"):
        return None
    return _found(cases, said, AFTER, lambda case, e: case["label"] in str(e.data))


def _device_faults(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "alert.raise") if "offline" in e["kind"]]
    cases = _cases(result, "device_faults")
    return _found(cases, said, timedelta(), lambda case, e: e.get("subject") == case["device"]) if said and cases else None


def _fitting_losses(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "alert.raise") if e["kind"] == "item_missing"]
    cases = _cases(result, "fitting_losses")
    return _found(cases, said, timedelta(), lambda case, e: case["epc"].endswith(f".{e['ref']['serial']}")) if said and cases else None


def _rings(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "alert.raise") if e["kind"] == "account_ring" and e["state"] == "open"]
    cases = [case for case in _cases(result, "abuse") if case["kind"] == "account_ring"]
    return _found(cases, said, timedelta(), lambda case, e: e["subject"] in case["accounts"]) if said and cases else None


def _false_traffic(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """Posts that were told of, of those with false clicks."""
    said = {e["subject"] for e in _of(events, "alert.raise") if e["kind"] == "false_traffic"}
    posts = {post["mention"] for post in result.truth.get("posts", ()) if post["false_traffic"]}
    return (len(said & posts), len(posts)) if said and posts else None


def _data_requests(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    asked = len([e for e in _of(events, "task.create") if e["kind"] == "data_request"])
    cases = _cases(result, "data_requests")
    return (asked, len(cases)) if asked and cases else None


def _packs(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """Packs by the last report of each room that is over."""
    rooms = {
        e["report"].partition(":")[2]: e["figures"]["packs"]["value"] for e in _of(events, "insight.report") if e["kind"] == "live_room"
    }
    true = sum(room["packs"] for room in result.truth.get("live_rooms", ()) if room["live"] in rooms)
    return (sum(rooms.values()), true) if rooms else None


def _no_shows(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """Of the guests that were expected by now, who stayed away."""
    over = {e["booking"] for e in _of(events, "service.booking") if e["status"] in ("no_show", "served")}
    told = {e["booking"] for e in _of(events, "service.booking") if e["status"] == "no_show"}
    true = [row for row in result.truth.get("bookings", ()) if row["order"] in over and not row["comes"]]
    return (len(told), len(true)) if over and result.truth.get("bookings") else None


def _card_money(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """What the books say is on gift cards when the trial ends."""
    told = [
        e["figures"]["card_balance"]["value"]
        for e in _of(events, "insight.report")
        if e["kind"] == "prepaid_books" and e.time == result.end
    ]
    cards = result.truth.get("gift_cards", {})
    return (told[-1], sum(card["face"] - card["spent"] for card in cards.values())) if told and cards else None


def _price_slips(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    said = [e for e in _of(events, "alert.raise") if e["kind"] == "price_fuse"]
    cases = _cases(result, "price_slips")
    return _found(cases, said, timedelta(), lambda case, e: e.get("subject") == case["gtin"]) if said and cases else None


def _demand(events: list[Event], result: TrialResult) -> tuple[float, float] | None:
    """Units that the last forecast before a day expected of it, and units that shoppers wanted, over the same items and days."""
    zone = ZoneInfo(result.zone)
    last: dict[tuple[str, str], tuple[datetime, float]] = {}
    for e in _of(events, "forecast.demand"):
        begin, end, issued = parse_time(e["from"]), parse_time(e["to"]), parse_time(e["issued"])
        day = begin.astimezone(zone).date().isoformat()
        one_day = end - begin <= timedelta(hours=25)
        if e["level"] == "item" and e["unit"] == "each" and one_day and issued <= begin and day in result.truth.get("demand", {}):
            last[day, e["key"]] = max(last.get((day, e["key"]), (issued, e["mean"])), (issued, e["mean"]))
    if not last:
        return None
    demand = result.truth["demand"]
    return sum(mean for _, mean in last.values()), sum(demand[day].get(gtin, {"wanted": 0})["wanted"] for day, gtin in last)


PAIRS = (
    Pair("Parties of shoppers counted in", "进店客群（批）", _entries),
    Pair("Cold-cabinet faults alerted", "冷柜异常告警", _excursions),
    Pair("Empty shelves seen", "发现的货架缺货", _gaps),
    Pair("Till fraud cases pointed out", "指出的收银舞弊", _till_cases),
    Pair("Goods unpaid at the self-checkout seen", "发现的自助收银漏付", _lane_cases),
    Pair("Faulty price labels reported", "上报的价签故障", _labels),
    Pair("Devices found off line", "发现的离线设备", _device_faults),
    Pair("Pieces missed after fitting", "试衣后丢失的商品", _fitting_losses),
    Pair("Rings of accounts found", "发现的账户团伙", _rings),
    Pair("Posts with false clicks found", "发现的虚假流量内容", _false_traffic),
    Pair("Data requests taken up", "受理的信息申请", _data_requests),
    Pair("Packs sold in live rooms", "直播售出券包", _packs),
    Pair("Booked guests who stayed away", "预约爽约", _no_shows),
    Pair("Money on gift cards (minor units)", "礼品卡余额（分）", _card_money),
    Pair("Wrong prices cut off", "熔断的错误价格", _price_slips),
    Pair("Units expected by the forecast", "预测销量（件）", _demand),
)
