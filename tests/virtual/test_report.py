"""The report of a trial: what a store manager finds in it, and what must not be in it."""

import re
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.registry import ROOT, Catalogue, Entry, Package, Registry, read_catalogue
from storeloom.core.virtual.figures import by_hour, figure_text, hours
from storeloom.core.virtual.report import write_report
from storeloom.core.virtual.report_words import WORDS
from storeloom.core.virtual.solo import with_providers
from storeloom.core.virtual.trial import SolutionResult, TrialResult, try_virtual

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
START = datetime(2026, 3, 1, 16, tzinfo=UTC)  # midnight in Shanghai
FACTS = {
    "en": "Cold-chain excursion",
    "zh": "冷链超温告警",
    "purpose_en": "Food that stays warm must be checked.",
    "purpose_zh": "食品超温必须检查。",
    "kpis": {
        "excursions": {"unit": "count", "en": "Excursions", "zh": "超温次数"},
        "loss": {"unit": "currency", "en": "Loss", "zh": "损失"},
    },
    "kinds": {"cold": {"en": "Too warm", "zh": "超温"}},
}
CATALOGUE = Catalogue(solutions={"cold": Entry("cold", Package("acme", Path("acme")), "cold.py", FACTS)})


def trial(alerts: int = 2, days: int = 1) -> TrialResult:
    """One instance with alerts a minute apart from 10:00 store time."""
    result = TrialResult("滨江 <Riverside>", START, START + timedelta(days=days), "滨江店", "Asia/Shanghai", "CNY")
    result.facts = Counter({"pos.sale": 3, "sensor.reading": 1500})
    result.facts_by_hour = {"pos.sale": Counter({"2026-03-02T10": 3})}
    figures: dict[str, float | None] = {"excursions": alerts, "loss": 123456}
    by_day = {f"2026-03-0{2 + day}": figures for day in range(days)}
    result.solutions["cold"] = SolutionResult("cold", 1500, Counter({"alert.raise": alerts}), figures, by_day)
    for minute in range(alerts):
        data = {"alert": "a", "kind": "cold", "severity": "high", "state": "open", "text": f"warm <{minute}>", "asset": "chiller-1"}
        result.outputs.append(Event("alert.raise", START + timedelta(hours=10, minutes=minute), data, source="cold"))
    result.truth = {"excursions": [{"asset": "chiller-1", "from": "2026-03-02T02:00:00Z", "to": "2026-03-02T03:00:00Z"}]}
    result.seconds = 2.0
    return result


def page(result: TrialResult, tmp_path: Path, lang: str = "en") -> str:
    write_report(result, CATALOGUE, tmp_path / "r.html", lang)
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def text(html: str) -> str:
    """What a reader sees, without the plots."""
    body = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_header_figures_alerts_and_the_truth_are_there(tmp_path: Path) -> None:
    seen = text(page(trial(), tmp_path))
    for words in ("Store 滨江店", "2026-03-02 (1 day)", "Facts taken in 1,503", "Excursions 2", "Loss 1,234.56 CNY"):
        assert words in seen
    assert "10:00 Too warm warm &lt;0&gt; chiller-1 high" in seen
    assert "Cold-cabinet faults alerted Cold-chain excursion 1 1 100.0%" in seen
    assert "No solution failed." in seen


def test_chinese_words_stand_in_the_chinese_page(tmp_path: Path) -> None:
    seen = text(page(trial(), tmp_path, "zh"))
    assert "冷链超温告警" in seen and "超温次数 2" in seen and "10:00 超温" in seen
    assert not any(english in seen for english, _ in WORDS.values() if " " in english and "{" not in english)


def test_the_page_needs_no_network_and_no_script(tmp_path: Path) -> None:
    html = page(trial(), tmp_path)
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="(?!#)', html.replace("xmlns:xlink", ""))
    assert "url(http" not in html and "@import" not in html


def test_ids_are_unique_and_every_link_has_its_target(tmp_path: Path) -> None:
    html = page(trial(), tmp_path)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    targets = {one or other for one, other in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html)}
    assert "s1" in targets and targets <= set(ids)


def test_tags_close_in_order(tmp_path: Path) -> None:
    open_tags: list[str] = []

    class Nesting(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "path", "use"):
                open_tags.append(tag)

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("meta", "path", "use"):
                assert open_tags.pop() == tag

    Nesting().feed(page(trial(days=2), tmp_path))
    assert open_tags == []


def test_plots_keep_their_text_and_take_the_pages_colours(tmp_path: Path) -> None:
    plots = re.findall(r"<svg.*?</svg>", page(trial(), tmp_path, "zh"), flags=re.DOTALL)
    assert len(plots) == 2
    assert "每小时输出" in plots[0] and "告警 (2)" in plots[0] and "门店时间" in plots[0] and "var(--mark)" in plots[0]
    assert "小票（3 张）" in plots[1] and "var(--bar)" in plots[1]


def test_after_fifty_messages_the_rest_is_counted(tmp_path: Path) -> None:
    seen = text(page(trial(alerts=53), tmp_path))
    assert "warm &lt;49&gt;" in seen and "warm &lt;50&gt;" not in seen
    assert "and 3 more, 53 in all" in seen


def test_days_stand_beside_one_another_when_there_are_several(tmp_path: Path) -> None:
    assert "By day" not in text(page(trial(), tmp_path))
    assert "By day 03-02 03-03 Excursions 2 2" in text(page(trial(days=2), tmp_path))


def test_failures_stand_in_words_with_their_remedy(tmp_path: Path) -> None:
    result = trial()
    finding = Finding("SL-RUN-05", {"instance": "cold", "handler": "follow", "reason": "KeyError: 'x' (line 7)"})
    result.failures = [finding]
    seen = page(result, tmp_path)
    assert seen.count("line 7") == 2 and "SL-RUN-05" in seen and "No solution failed." not in seen


def test_the_same_trial_gives_the_same_bytes_and_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert page(trial(), tmp_path, "zh") == page(trial(), tmp_path, "zh")
    assert capsys.readouterr() == ("", "")


def test_without_matplotlib_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputFault) as fault:
        write_report(trial(), CATALOGUE, tmp_path / "r.html", "en")
    assert fault.value.findings[0].text("en") == "The report with plots needs the extra 'report'."
    assert not (tmp_path / "r.html").exists()


def test_figures_read_with_their_units() -> None:
    assert figure_text(None, "count", "en") == "–"
    assert figure_text(12.345, "%", "en") == "12.3%"
    assert figure_text(1234.5, "s", "zh") == "1,234 秒"
    assert figure_text(250, "minor", "en", "EUR") == "2.50 EUR"
    assert figure_text(3.0, "count", "en") == "3"


def test_hours_follow_the_stores_clock_through_a_change_of_it() -> None:
    begin, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)  # Berlin loses 02:00
    names = hours(TrialResult("t", begin, end, zone="Europe/Berlin"))
    assert len(names) == 23 and names[1:3] == ["2026-03-29T01", "2026-03-29T03"]


def test_what_closes_the_trial_belongs_to_its_last_hour() -> None:
    result = trial(alerts=0)
    result.outputs = [Event("score.report", result.end, {}, source="cold"), Event("score.report", START, {}, source="cold")]
    assert by_hour(result.outputs, result) == {"score.report": Counter({"2026-03-02T23": 1, "2026-03-02T00": 1})}


def test_every_word_of_the_report_is_used() -> None:
    sources = "".join((ROOT / "core" / "virtual" / name).read_text(encoding="utf-8") for name in ("report.py", "score.py"))
    by_stream_or_severity = {"alert.raise", "task.create", "message.send", "high", "critical", "warn", "info"}
    assert {key for key in WORDS if not re.search(rf"[\"']{key}[\"']", sources)} <= by_stream_or_severity


def test_a_trial_counts_facts_by_hour_of_store_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(PACKAGES))
    registry = Registry(read_catalogue([Package("acme_store", PACKAGES / "acme_store")]))
    registry.catalogue.adapter_kinds = schemas.adapter_kinds()
    plan = with_providers(registry, "cold_excursion").require()
    result = try_virtual(plan, registry, start=date(2026, 3, 2), scale=0.05, name="cold")
    readings = result.facts_by_hour["sensor.reading"]
    assert readings.total() == result.facts["sensor.reading"] > 1000
    assert set(readings) == set(hours(result)) and hours(result)[0] == "2026-03-02T00" and len(readings) == 24
    write_report(result, registry.catalogue, tmp_path / "r.html", "zh")
