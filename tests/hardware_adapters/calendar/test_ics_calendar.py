"""Calendars: days and times by the store's zone, repeats unfolded, words to kinds; by hand from RFC 5545's rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.calendar.ics_calendar import IcsCalendar
from storeloom.hardware_adapters.links.errors import DeviceError

NOW = datetime(2026, 9, 25, 2, tzinfo=UTC)


def events(tmp_path: Path, *entries: str, **config: Any) -> list[tuple[str, str, str, str]]:
    file = tmp_path / "c.ics"
    body = "".join(f"BEGIN:VEVENT\r\n{one}\r\nEND:VEVENT\r\n" for one in entries)
    file.write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{body}END:VCALENDAR\r\n", encoding="utf-8", newline="")
    driver = IcsCalendar("cal", IcsCalendar.Config(file=str(file), **config))
    driver.context = AdapterContext(clock=lambda: NOW)
    return [(one.data["kind"], one.data["name"], one.data["from"], one.data["to"]) for one in driver.look()]


def test_days_off_and_working_days_of_a_published_holiday(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        "UID:1\r\nSUMMARY:国庆节（休）\r\nDTSTART;VALUE=DATE:20261001\r\nDTEND;VALUE=DATE:20261008",
        "UID:2\r\nSUMMARY:国庆节补班\r\nDTSTART;VALUE=DATE:20261010",
        "UID:3\r\nSUMMARY:开业十周年\r\nCATEGORIES:促销\r\nDTSTART:20261003T100000\r\nDURATION:PT2H",
        "UID:4\r\nSUMMARY:old\r\nDTSTART;VALUE=DATE:20200101",
        "UID:5\r\nSUMMARY:off\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20261005",
    )
    assert found == [
        ("public_holiday", "国庆节（休）", "2026-09-30T16:00:00Z", "2026-10-07T16:00:00Z"),
        ("workday", "国庆节补班", "2026-10-09T16:00:00Z", "2026-10-10T16:00:00Z"),
        ("promotion", "开业十周年", "2026-10-03T02:00:00Z", "2026-10-03T04:00:00Z"),
    ]


def test_a_repeat_keeps_its_hour_when_the_clocks_change(tmp_path: Path) -> None:
    rule = "UID:1\r\nSUMMARY:pay\r\nDTSTART;TZID=Europe/Berlin:20261009T090000\r\nDTEND;TZID=Europe/Berlin:20261009T100000"
    rule += "\r\nRRULE:FREQ=WEEKLY;UNTIL=20261106T080000Z"
    left_out = "\r\nEXDATE;TZID=Europe/Berlin:20261016T090000"
    moved = "UID:1\r\nSUMMARY:moved\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261030T090000\r\nDTSTART;TZID=Europe/Berlin:20261030T120000"
    found = events(tmp_path, rule + left_out, moved, kind="payday")
    assert [(name, begin) for _, name, begin, _ in sorted(found, key=lambda one: one[2])] == [
        ("pay", "2026-10-09T07:00:00Z"),
        ("pay", "2026-10-23T07:00:00Z"),
        ("moved", "2026-10-30T11:00:00Z"),
        ("pay", "2026-11-06T08:00:00Z"),
    ]


def test_a_repeat_without_end_is_unfolded_as_far_as_is_asked(tmp_path: Path) -> None:
    rule = "UID:1\r\nSUMMARY:x\r\nDTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=DAILY"
    found = events(tmp_path, rule, days_back=1, days_ahead=3)
    assert [begin for _, _, begin, _ in found] == [f"2026-09-{day}T16:00:00Z" for day in (23, 24, 25, 26, 27)]


def test_an_entry_that_makes_no_sense_is_told_and_the_others_count(tmp_path: Path) -> None:
    good = "UID:2\r\nSUMMARY:y\r\nDTSTART;VALUE=DATE:20261001"
    for bad in (
        "UID:1\r\nSUMMARY:x\r\nDTSTART:someday",
        "SUMMARY:x\r\nDTSTART;VALUE=DATE:20261001",
        "UID:1\r\nDTSTART:20261001T000000Z\r\nDTEND:20260901T000000Z",
        "UID:1\r\nDTSTART:20261001T000000Z\r\nRRULE:FREQ=SECONDLY",
    ):
        assert [name for _, name, _, _ in events(tmp_path, bad, good)] == ["y"]


def test_what_is_no_calendar_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.ics"
    file.write_text("<html>")
    for config in ({"file": str(file)}, {}, {"file": str(file), "zone": "Mars/Base"}):
        with pytest.raises(DeviceError):
            list(IcsCalendar("cal", IcsCalendar.Config(**config)).look())
