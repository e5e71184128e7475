"""Copies of coupon templates (rows of the table `coupons`): what a copy for a member says, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours

USUAL_VALIDITY_D = 30


def valid_until(row: Mapping[str, Any], since: datetime, hours: StoreHours) -> datetime:
    """The end (midnight, store time) of the last of the template's days, the day of issue not counted."""
    days = row.get("valid_days", USUAL_VALIDITY_D)
    return hours.midnight(hours.store_day(since) + timedelta(days=1 + int(days)))


def copy_for(row: Mapping[str, Any], coupon: str, member: str, since: datetime, hours: StoreHours) -> dict[str, Any]:
    """The fields of `coupon.issue` of a member's own copy, named `coupon`; what the template does not say is left out."""
    worth = row.get("value")
    named = {"percent": worth} if row.get("kind") == "percent" else {"value": None if worth is None else round(worth)}
    return {
        "coupon": coupon,
        "template": row["template"],
        "member": member,
        "valid_from": since,
        "valid_to": valid_until(row, since, hours),
        "threshold": row.get("threshold"),
        "gtins": row.get("gtins"),
        **named,
    }
