"""A member's raising game: drops for spending and sharing, levels that are never lost, and the release of a day's prizes.

A player is a plain dict: `growth` (drops) as of the store day `last` (ISO), `levels` reached (numbers from 1) and `shared` (the day of the
last drops for sharing).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

Player = dict[str, Any]


def new() -> Player:
    return {"growth": 0, "last": None, "levels": [], "shared": None}


def growth(player: Player, today: date, decay_after_days: int) -> int:
    """Drops on a day: one less for each idle day beyond `decay_after_days`, never below nought."""
    idle = (today - date.fromisoformat(player["last"])).days if player["last"] else 0
    return max(0, int(player["growth"]) - max(0, idle - decay_after_days))


def add(player: Player, drops: int, today: date, decay_after_days: int, levels: Sequence[int]) -> list[int]:
    """Add drops (or take some away) on a day that is not idle; the levels, from 1, that are reached for the first time."""
    player["growth"] = max(0, growth(player, today, decay_after_days) + drops)
    player["last"] = max(player["last"] or "", today.isoformat())
    fresh = [number for number, least in enumerate(levels, 1) if player["growth"] >= least and number not in player["levels"]]
    player["levels"] = sorted({*player["levels"], *fresh})
    return fresh


def share(player: Player, today: date) -> bool:
    """Whether sharing still earns drops on a day; it then does not again."""
    if player["shared"] == today.isoformat():
        return False
    player["shared"] = today.isoformat()
    return True


def drops_for(spend: int, per_1000: int) -> int:
    """Drops for a net spend in minor units: each full 1000."""
    return max(0, spend) // 1000 * per_1000


def released(prizes: int, opens: datetime, closes: datetime, at: datetime) -> int:
    """How many of a day's prizes are released at an instant: evenly over the opening hours, floored."""
    return prizes * (at - opens) // (closes - opens)


def lucky(seed: str, receipt: str, odds_pct: float) -> bool:
    """Whether a receipt wins a prize that waits: HMAC-SHA256 of the receipt, as an integer modulo 10,000, against the odds."""
    number = int.from_bytes(hmac.digest(seed.encode(), receipt.encode(), "sha256"), "big") % 10_000
    return number < 100 * odds_pct
