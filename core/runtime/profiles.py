"""Runtime profiles: config values that hold at certain hours, weekdays, dates or calendar events (peak, night, promotion)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import Event, parse_time
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.plan import Plan, RuntimeProfile

CALENDAR = "calendar.event"


class ProfileSwitch:
    """Knows which profiles hold at a time, when that changes next, and the configs that follow."""

    def __init__(self, plan: Plan, hours: StoreHours) -> None:
        self._plan = plan
        self._hours = hours
        self._events: dict[str, tuple[str, datetime, datetime]] = {}
        self._applied: tuple[str, ...] = ()
        self._next: tuple[datetime, datetime | None] | None = None

    def sees(self, event: Event) -> bool:
        """Take note of a calendar event; True when profiles depend on the calendar."""
        if event.stream != CALENDAR or not any("calendar" in profile.when for profile in self._plan.profiles):
            return False
        span = parse_time(event["from"]), parse_time(event["to"])
        self._next = None
        self._events[str(event["event"])] = (str(event["kind"]), *span)
        return True

    def holds(self, profile: RuntimeProfile, at: datetime) -> bool:
        """Whether all that the profile's `when` names is so at a time."""
        when, local = profile.when, self._hours.local(at)
        if "weekdays" in when and local.isoweekday() not in when["weekdays"]:
            return False
        if "dates" in when and local.date().isoformat() not in when["dates"]:
            return False
        if "calendar" in when and not any(k == when["calendar"] and a <= at < b for k, a, b in self._events.values()):
            return False
        clock = f"{local:%H:%M}"
        start, end = when.get("from", "00:00"), when.get("to", "24:00")
        return bool(start <= clock < end if start <= end else clock >= start or clock < end)

    def _active(self, at: datetime) -> tuple[str, ...]:
        return tuple(profile.name for profile in self._plan.profiles if self.holds(profile, at))

    def stale(self, at: datetime) -> bool:
        """Whether other profiles hold at a time than are applied."""
        return bool(self._plan.profiles) and self._active(at) != self._applied

    def next_change(self, now: datetime) -> datetime | None:
        """The first whole minute from `now`'s on, within a day, at which other profiles hold than are applied."""
        if not self._plan.profiles:
            return None
        if self._next is None or now >= self._next[0]:
            found = self._search(now)
            self._next = (found or now + timedelta(hours=12), found)
        return self._next[1]

    def _search(self, now: datetime) -> datetime | None:
        if self.stale(now):
            return now
        edges = {now.replace(second=0, microsecond=0) + timedelta(minutes=1)}
        day = self._hours.store_day(now)
        for profile in self._plan.profiles:
            for clock in (profile.when.get("from", "00:00"), profile.when.get("to", "24:00")):
                edges |= {self._hours.at(day + timedelta(days=shift), clock) for shift in (0, 1)}
        edges |= {edge for _, start, end in self._events.values() for edge in (start, end)}
        return next((edge for edge in sorted(edges) if edge > now and self._active(edge) != self._applied), None)

    def configs(self, at: datetime) -> Mapping[str, Mapping[str, Any]]:
        """Apply the profiles that hold at a time, later ones over earlier; the whole config of every instance."""
        self._applied = self._active(at)
        self._next = None
        configs = {item.name: item.config for item in self._plan.instances}
        for profile in self._plan.profiles:
            if profile.name in self._applied:
                for name, patch in profile.configs.items():
                    configs[name] = merge_patch(configs[name], patch)
        return configs
