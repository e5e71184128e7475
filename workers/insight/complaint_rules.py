"""What the law and a shop's own rules make of complaints and returns: exposure, the right to return, likeness of cases, who goes next.

Exposure as in the Food Safety Law of the PRC (article 148: ten times the price, 1000 yuan at least) and the Law on the Protection of
Consumer Rights and Interests (article 55: three times the price, 500 yuan at least; article 25: return without reason of distance sales,
counted from the day after delivery). It is a figure to decide by, not a judgement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from storeloom.workers.gs1 import item_key
from storeloom.workers.insight.triage import MOST_CHARACTERS, Labels, deceit, triage

Row = Mapping[str, Any]
LEVELS = ("clerk", "lead", "manager", "region")
LOW_RATING = 2
JOINED_WITHIN = timedelta(hours=24)
FRESH_D = 7
FOOD, DECEIT = (10, 100_000), (3, 50_000)
FIGURES = {"opened": "count", "closed": "count", "reopened": "count", "late": "count", "compensation": "minor"}
GOODS_AT_FAULT = ("food_safety", "injury", "quality", "other")


class Sorted(NamedTuple):
    """A complaint by its text: `category` of triage, `other` where it does not tell; `severity` 1 to 3; whether it speaks of deceit;
    `feeling` from -1 to 1."""

    category: str
    severity: int
    deceit: bool
    feeling: float

    @property
    def complains(self) -> bool:
        """Whether the text says that something is wrong."""
        return self.category != "other" or self.severity == 1 or self.feeling < 0


def exposure(price: int | None, *, unsafe_food: bool, deceit: bool) -> int | None:
    """What may have to be paid on top of the price, minor units; the legal minimum where the price is not known; None: nothing."""
    rules = [rule for rule, met in ((FOOD, unsafe_food), (DECEIT, deceit)) if met]
    return max((max(times * (price or 0), least) for times, least in rules), default=None)


def last_day_of_return(delivered: date, days: int) -> date:
    """The last store day, to its end, on which an online order may be returned without a reason."""
    return delivered + timedelta(days=days)


def outside_right(product: Row, condition: str | None, excluded: Collection[str]) -> bool:
    """Whether a product is among those that cannot be returned without a reason: by category, subcategory, an attribute that is true, one
    of these opened (`opened_digital`), or `fresh` by a shelf life of days."""
    names = {product.get("category"), product.get("subcategory")} - {None}
    names |= {name for name, value in (product.get("attributes") or {}).items() if value is True}
    names |= {"fresh"} if (product.get("shelf_days") or FRESH_D + 1) <= FRESH_D else set()
    names |= {f"opened_{name}" for name in names} if condition == "opened" else set()
    return bool(names & set(excluded))


def likeness(category: str) -> str:
    """Under what name complaints of a product are alike: those about the goods themselves speak of one bad lot."""
    return "goods" if category in GOODS_AT_FAULT else category


def clustered(known: Row | None, case: tuple[str, str], hours: float, least: int) -> tuple[dict[str, Any], bool]:
    """The like cases of a product with one more (time, id): what is to be kept, and whether they alert now.

    Those of the `hours` up to the latest count, from `least` of them on; one cluster alerts once, until fewer are left in the window.
    """
    cases = sorted([*((at, name) for at, name in (known or {}).get("cases", ())), case])
    latest = datetime.fromisoformat(cases[-1][0])
    cases = [one for one in cases if latest - datetime.fromisoformat(one[0]) <= timedelta(hours=hours)]
    many = len(cases) >= least
    return {"cases": cases, "alerted": many}, many and not (known or {}).get("alerted", False)


def sort(text: str, labels: Labels | None = None) -> Sorted:
    """What a complaint's text says; nothing but `other` where there is no text."""
    if not text.strip():
        return Sorted("other", 3, False, 0.0)
    text = text[:MOST_CHARACTERS]
    found = triage(text, labels)
    category = found.category or (found.best if found.severity == 1 else None)
    return Sorted(category or "other", found.severity, bool(deceit(text)), found.sentiment)


def speaks_ill(mention: Row) -> bool:
    """Whether a `social.mention` that still stands is negative: by its sentiment, else by a rating of 2 or less, else by its words."""
    feeling, rating = mention.get("sentiment"), mention.get("rating")
    by_words = bool(rating <= LOW_RATING) if rating is not None else sort(mention["text"]).complains
    return not mention.get("deleted") and (by_words if feeling is None else feeling < 0)


def new_case(found: Sorted, price: int | None, at: str, text: str, *, again: bool, **known: Any) -> dict[str, Any]:
    """A case as it is kept: what it is about (`known`: person, member, item, receipt, ref), who has it and how far it has come. One who
    complains again starts one level higher."""
    case = {
        "class": found.category,
        "severity": found.severity,
        "opened": at,
        "due": at,
        "texts": [text],
        "level": int(again),
        "state": "open",
    }
    case |= {"tasks": 0, "answers": 0, "counted": False, "first": False, "reopened": False, "asked": {}}
    return case | {"exposure": exposure(price, unsafe_food=found.category == "food_safety", deceit=found.deceit)} | known


def joins(case: Row, category: str, receipt: str | None, item: str | None, at: datetime) -> bool:
    """Whether a complaint of the same person belongs to a case: open, of the same class and receipt, at most a day old. Without a receipt
    two products are two cases; one that names none belongs to either."""
    if case["state"] == "closed" or case["class"] != category or case["receipt"] != receipt:
        return False
    other = receipt is None and item and case["item"] and item_key(item) != item_key(case["item"])
    return not other and at - datetime.fromisoformat(case["opened"]) <= JOINED_WITHIN


def told(name: str, case: Row) -> dict[str, Any]:
    """What a task tells of a case to whoever answers it."""
    facts = {key: case[key] for key in ("class", "severity", "member", "item", "receipt", "exposure") if case[key] is not None}
    return facts | {"case": name, "text": "\n".join(case["texts"]), "tasks": case["tasks"]}


def totals(day: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """The figures of a day over all classes (`FIGURES`), each with its unit."""
    return {name: {"value": sum(row.get(name, 0) for row in day.values()), "unit": unit} for name, unit in FIGURES.items()}


def grant(amount: float, limit: float, roles: Collection[str]) -> str | None:
    """What becomes of a compensation that somebody of these roles promised: `pay` up to the clerk's limit or by a manager, else `ask`;
    None for nothing."""
    if amount <= 0:
        return None
    return "pay" if amount <= limit or any("manager" in role for role in roles) else "ask"


def agreed(done: Row) -> bool | None:
    """What a `task.done` decides on a question of yes or no: by its state and `values` accepted or approved; None: nothing yet."""
    if done["state"] in ("rejected", "failed"):
        return False
    values = done.get("values") or {}
    return bool(values.get("accepted", values.get("approved", True))) if done["state"] in ("done", "approved") else None


def next_level(level: int) -> int | None:
    """Who comes after a level of `LEVELS`; None after the last."""
    return level + 1 if level + 1 < len(LEVELS) else None
