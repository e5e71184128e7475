"""A gate that a paid receipt opens: what was opened for whom, who passed, how often a receipt was used.

Openings of a gate are a list of plain dicts in order: `receipt` (None for staff), `until` (RFC 3339), `passed` (passages on it).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from storeloom.core.kernel.events import parse_time, plain

Opening = dict[str, Any]
Refusal = Literal["forged", "late", "used"]


def late(paid: datetime, now: datetime, valid: timedelta) -> bool:
    return now - paid > valid


def opened(openings: list[Opening], receipt: str | None, now: datetime, open_s: float, left: int = 1) -> None:
    """Remember an opening; those long over are forgotten. A receipt with `left` uses has at most so many openings on which nobody passed:
    one more only prolongs the last of them."""
    openings[:] = [one for one in openings if parse_time(one["until"]) >= now]
    until = plain(now + timedelta(seconds=open_s))
    unused = [one for one in openings if receipt is not None and one["receipt"] == receipt and one["passed"] == 0]
    if unused and len(unused) >= left:
        unused[-1]["until"] = until
    else:
        openings.append({"receipt": receipt, "until": until, "passed": 0})


def passed(openings: list[Opening], at: datetime) -> tuple[Opening | None, bool]:
    """The opening that a passage is on, the oldest that is free first, and whether it is a tailgate: the second on its opening."""
    alive = [one for one in openings if parse_time(one["until"]) >= at]
    free = next((one for one in alive if one["passed"] == 0), None)
    mine = free or (alive[-1] if alive else None)
    if mine is None:
        return None, False
    mine["passed"] += 1
    return mine, mine["passed"] == 2


def check_failed(state: str, values: Mapping[str, Any]) -> bool:
    """What a person found: goods missing on the receipt, a no, or the task itself failed."""
    missing = values.get("missing") or 0
    found = len(missing) if isinstance(missing, list) else missing
    return state not in ("done", "approved") or found > 0 or values.get("passed") is False or values.get("ok") is False
