"""What an integrator reads of a solution that put nothing out: what it never heard, what stood empty, what was left unset."""

from datetime import date
from typing import Any

import pytest

from storeloom.core.commands.trial import print_result
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.report import Report
from storeloom.core.virtual.silence import Silence, silence
from storeloom.core.virtual.solo import with_providers
from storeloom.core.virtual.trial import TrialResult, try_virtual

EGRESS = "fire_egress_watch"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


@pytest.fixture(scope="module")
def tried(registry: Registry) -> TrialResult:
    """A quiet day of a solution that watches exits which nobody blocks; at a twentieth of the shoppers."""
    return try_virtual(with_providers(registry, EGRESS).require(), registry, start=date(2026, 3, 2), scale=0.05)


def test_what_is_lacking_is_named_by_its_title_and_its_id_what_is_needed_first(registry: Registry) -> None:
    entry = registry.catalogue.solution("auto_replenishment")
    required = [name for name in entry["consumes"] if not name.endswith("?")]
    given = ("service_level", "presentation", "backroom", "overdue_days", "max_cover", "auto_release")
    config: dict[str, Any] = dict.fromkeys(given, 1)
    why = silence(entry, {**config, "order_calendar": {}}, {"inventory.snapshot"}, {"products"}, records=False)
    assert why.unheard[: len(required) - 1] == tuple(name for name in required if name != "inventory.snapshot")
    assert why.empty == ("suppliers", "lead_times", "planogram")
    assert why.unset == ("order_calendar",) and why.unrecorded
    en, zh = why.said("en"), why.said("zh")
    assert en[0].startswith("Nothing came on: Demand forecast (forecast.demand)")
    assert en[2:] == [
        "Settings left empty: Order calendar (order_calendar).",
        "No days of records came before the trial; what learns from the past may need some weeks of them (`--history 56`).",
    ]
    assert zh[2] == "尚未填写的配置：订货日历（order_calendar）。"


def test_where_nothing_is_lacking_it_says_that_nothing_happened(registry: Registry) -> None:
    why = Silence(registry.catalogue.solution(EGRESS).schema_file)
    assert why.said("en") == ["It heard all that it asks for; nothing happened that calls for an answer."]
    assert why.said("zh") == ["所需数据均已收到，期间没有需要它处理的情况。"]


def test_a_trial_says_so_of_silent_ones_only(registry: Registry, tried: TrialResult) -> None:
    for one in tried.solutions.values():
        assert (one.silence is None) == bool(one.outputs)
    why = tried.solutions[EGRESS].silence
    assert why is not None and why.unrecorded
    told = tried.as_dict("zh")["solutions"][EGRESS]["silence"]
    assert told["unheard"] == list(why.unheard) and told["text"] == "".join(f"{line} " for line in why.said("zh")).strip()


def test_the_command_and_the_report_tell_it(registry: Registry, tried: TrialResult, capsys: pytest.CaptureFixture[str]) -> None:
    print_result(tried, registry, "en")
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{EGRESS} put out nothing. " in printed and "`--history 56`" in printed
    assert "`--history 56`" in Report(tried, registry.catalogue, "zh").html()
