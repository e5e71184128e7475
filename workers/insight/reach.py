"""Whether, where and when a member may be written to: consents and channels of a row of the table `members`, quiet hours, weekly caps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

Row = Mapping[str, Any]
DEFAULT_CHANNEL = "mini_program"
CHANNELS = ("mini_program", "official_account", "work_chat", "app_push", "sms", "email", "voice")
WEEK = timedelta(days=7)
QUIET_HOURS = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"


def channel_of(member: Row | None) -> str:
    """The channel that a member agreed to first, else the first that has an address, else the shop's own mini program."""
    row = member or {}
    agreed = (row.get("consents") or {}).get("messaging") or row.get("channels") or (DEFAULT_CHANNEL,)
    return str(next(iter(agreed)))


def refuses(member: Row | None, purposes: Iterable[str]) -> bool:
    """Whether a member has left or said no to one of these purposes; who was never asked has not."""
    row = member or {}
    consents = row.get("consents") or {}
    return bool(row.get("left")) or any(consents.get(purpose) is False for purpose in purposes)


def agreed_channels(member: Row | None) -> list[str] | None:
    """The channels for people that a member agreed to, else those that have an address; None where neither is known."""
    row = member or {}
    agreed = (row.get("consents") or {}).get("messaging")
    known = agreed if agreed is not None else row.get("channels")
    return None if known is None else [channel for channel in known if channel in CHANNELS]


def first_channel(member: Row | None, without: Iterable[str] = ()) -> str | None:
    """The first channel agreed to that is not among those taken away since; the shop's own mini program where none was ever named."""
    agreed, gone = agreed_channels(member), set(without)
    return next((one for one in ([DEFAULT_CHANNEL] if agreed is None else agreed) if one not in gone), None)


def may_send_at(hours: StoreHours, at: datetime, quiet: str) -> datetime:
    """The first instant from `at` on that is outside the quiet hours `HH:MM-HH:MM` (store time, half open); equal times are none."""
    begins, ends = quiet.split("-")
    clock, today = f"{hours.local(at):%H:%M}", hours.store_day(at)
    if begins <= clock and (clock < ends or ends < begins):
        return hours.at(today + timedelta(days=ends < begins), ends)
    return hours.at(today, ends) if clock < ends < begins else at


def of_last_week(times: Iterable[str], at: datetime) -> list[str]:
    """Those of these instants (RFC 3339) that lie less than seven days back."""
    return [one for one in times if at - datetime.fromisoformat(one) < WEEK]


def day_of(hours: StoreHours, text: str) -> date:
    """The store day of a table's date or time (RFC 3339)."""
    return date.fromisoformat(text) if len(text) == 10 else hours.store_day(parse_time(text))
