"""Hostile events, settings at their edge, and cost: what a package's faults there are called, and built-in solutions that once had them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storeloom.core.conformance import costs, hostile
from storeloom.core.conformance.rules import Distribution, Found, Subject
from storeloom.core.conformance.subject import subject_of
from storeloom.core.kernel.registry import ROOT, Package, Registry
from tests.conformance.vendor_package import Vendor, forget

SOLUTION = "cold_excursion"
HEAD = "    def follow(self, event):\n"
BUILT_IN = ("funds_reconciliation", "shrink_radar", "touchpoint_funnel", "unattended_store")


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Callable[..., Found]]:
    """What a rule finds on the package when its handler begins with a line."""

    def look(line: str, rule: Callable[[Subject, str], Found]) -> Found:
        vendor = Vendor(tmp_path / "acme")
        vendor.solution(HEAD, f"{HEAD}        {line}\n")
        return rule(subject_of(str(vendor.folder), tmp_path, against=vendor.last), SOLUTION)

    forget()
    yield look
    forget()


def codes(found: Found) -> list[str]:
    return sorted({finding.code for finding in found.findings})


def test_an_event_that_breaks_it_is_told_with_what_is_nasty_about_it(found: Callable[..., Found]) -> None:
    told = found("1 / event['value']", hostile.events)
    (zero,) = told.findings
    assert (zero.code, zero.args["stream"]) == ("SL-CHK-41", "sensor.reading")
    assert "zero in 'value'" in zero.text("en") and "ZeroDivisionError" in zero.text("en")
    assert "零" in zero.text("zh")


def test_what_breaks_it_later_is_traced_to_the_event_behind_it(found: Callable[..., Found]) -> None:
    line = "event['value'] == -1 and self.timers.set('grace', 'nobody', self.now + timedelta(hours=1), {})"
    (later,) = found(line, hostile.events).findings
    assert later.code == "SL-CHK-41" and "a negative number in 'value'" in later.text("en") and "KeyError: 'nobody'" in later.text("en")


def test_settings_at_their_edge_that_break_it_are_told(found: Callable[..., Found]) -> None:
    assert codes(found("1 / self.config.grace_s", hostile.configs)) == ["SL-CHK-42"]


def test_what_it_remembers_of_every_event_grows_and_is_told(found: Callable[..., Found]) -> None:
    told = found("self.state[f'all:{self.now}'] = 'x' * 2000", costs.growth)
    assert codes(told) == ["SL-CHK-45"] and told.figures["state_kib_1000"] > costs.MOST_STATE_KIB


def test_one_that_is_slow_is_told_with_its_pace(found: Callable[..., Found]) -> None:
    told = found("sum(range(2_000_000))", costs.speed)
    assert codes(told) == ["SL-CHK-44"] and told.figures["events_s"] < costs.LEAST_EVENTS_S["light"]


@pytest.mark.parametrize("solution", BUILT_IN)
def test_built_in_solutions_hold(solution: str) -> None:
    subject = Subject(Package("storeloom", ROOT), Distribution("storeloom", "1"), Registry())
    assert [finding.text() for finding in hostile.events(subject, solution).findings] == []
