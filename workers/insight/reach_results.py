"""What a reach brought: counts by channel, buyers, and how many bought because of it, against those who were held out by chance.

Results are plain dicts: `selected`, `no_channel`, `capped`, `arms` (`sent` and `holdout`: [buyers, members]), `kinds` of buyers, and by
channel `sent`, `reached`, `clicks`, `buyers`, `cost` (minor units).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

Results = dict[str, Any]
KINDS = ("new", "won_back", "active")
PARTS = ("sent", "reached", "clicks", "buyers", "cost")


def new() -> Results:
    arms = {"sent": [0, 0], "holdout": [0, 0]}
    return {"selected": 0, "no_channel": 0, "capped": 0, "arms": arms, "kinds": dict.fromkeys(KINDS, 0), "channels": {}}


def count(results: Results, channel: str, **parts: int) -> None:
    """Add to the counts of a channel."""
    found = results["channels"].setdefault(channel, dict.fromkeys(PARTS, 0))
    for name, number in parts.items():
        found[name] += number


def kind_of_buyer(last: date | None, today: date, lapse_days: int) -> str:
    """`new` without an earlier purchase, `won_back` where it lies at least `lapse_days` back, else `active`."""
    if last is None:
        return "new"
    return "won_back" if (today - last).days >= lapse_days else "active"


def incremental_buyers(results: Results) -> float | None:
    """Buyers among those sent beyond the rate of those held out; None where nobody was held out or sent."""
    (bought, sent), (alone, held) = results["arms"]["sent"], results["arms"]["holdout"]
    return sent * (bought / sent - alone / held) if sent and held else None


def figures(results: Results) -> dict[str, dict[str, Any]]:
    """The figures of an `insight.report`, each with its unit."""
    (bought, sent), (alone, held) = results["arms"]["sent"], results["arms"]["holdout"]
    channels = results["channels"].values()
    found = {
        "selected": (results["selected"], "count"),
        "reachable": (sent + held, "count"),
        "held_out": (held, "count"),
        "sent": (sent, "count"),
        **{name: (sum(one[name] for one in channels), "minor" if name == "cost" else "count") for name in ("reached", "clicks", "cost")},
        "buyers": (bought, "count"),
        "holdout_buyers": (alone, "count"),
        **{f"buyers_{kind}": (number, "count") for kind, number in results["kinds"].items()},
        "sent_rate": (100 * bought / sent if sent else None, "%"),
        "holdout_rate": (100 * alone / held if held else None, "%"),
        "incremental_buyers": (incremental_buyers(results), "count"),
    }
    return {name: {"value": value, "unit": unit} for name, (value, unit) in found.items() if value is not None}


def rows(results: Results) -> list[Mapping[str, Any]]:
    """The counts of each channel, by name."""
    return [{"channel": channel, **results["channels"][channel]} for channel in sorted(results["channels"])]
