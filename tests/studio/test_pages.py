"""The studio's pages in both languages, and what a retailer does on them."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT
from storeloom.studio.draft import Draft, new_draft

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
STUDIO = ROOT / "studio"
PAGES = ("app.py", "views/catalogue.py", "views/compose.py", "views/trial.py")


def opened(page: str, lang: str = "en", *solutions: str, **query: str) -> Any:
    """A page that has run, with a bundle of the named solutions in work (or the example)."""
    app = testing.AppTest.from_file(str(STUDIO / page), default_timeout=60)
    app.session_state["lang"] = lang
    for key, value in query.items():
        app.query_params[key] = value
    if solutions:
        bundle = new_draft("B", "supermarket", None)
        for solution in solutions:
            bundle.add(solution)
        bundle.data["store"]["edge"] = {"cores": 64, "memory_mb": 65536}
        app.session_state["draft"] = bundle
    return run(app)


def run(app: Any) -> Any:
    app.run()
    assert not app.exception, app.exception
    return app


def draft(app: Any) -> Draft:
    found: Draft = app.session_state["draft"]
    return found


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_each_page_loads_in_both_languages(page: str, lang: str) -> None:
    assert opened(page, lang).title


def test_the_language_stands_in_the_address_and_switches_the_page() -> None:
    app = testing.AppTest.from_file(str(STUDIO / "app.py"), default_timeout=60)
    app.query_params["lang"] = "en"
    assert run(app).title[0].value == "Catalogue"
    app.sidebar.radio(key="lang").set_value("zh")
    assert run(app).title[0].value == "方案目录"
    assert app.query_params["lang"] in ("zh", ["zh"])  # text or list by Streamlit's version


def test_search_finds_by_chinese_and_english_words() -> None:
    app = opened("views/catalogue.py", "en")
    app.text_input(key="search").set_value("考勤")
    assert [b.label for b in run(app).button] == ["Attendance and working-hours control"]
    app.text_input(key="search").set_value("cart no-such-word")
    assert [b.label for b in run(app).button] == []


def test_filters_narrow_the_catalogue() -> None:
    app = opened("views/catalogue.py", "en")
    before = len(app.button)
    app.selectbox(key="load").set_value("vision")
    assert 0 < len(run(app).button) < before


def test_a_solution_page_shows_settings_with_units_and_adds_it() -> None:
    app = opened("views/catalogue.py", "en", "attendance_hours", solution="smart_cart")
    settings = app.table[0].value
    row = settings[settings["Key"] == "`tolerance_g`"].iloc[0]
    assert (row["Default"], row["Unit"], row["Allowed"]) == ("10", "g", "1 … 200")
    next(button for button in app.button if button.label == "Add to the bundle").click()
    assert "smart_cart" in draft(run(app)).data["solutions"]


def test_a_bad_value_shows_its_finding_in_the_readers_language_and_a_good_one_takes_it_away() -> None:
    app = opened("views/compose.py", "zh", "smart_cart")
    key = "form/smart_cart/tolerance_g"
    app.number_input(key=key).set_value(5000)
    told = [error.value for error in run(app).error]
    assert any("SL-CFG-03" in text and "5000 超出允许范围" in text for text in told)
    assert draft(app).data["solutions"]["smart_cart"] == {"config": {"tolerance_g": 5000}}
    app.number_input(key=key).set_value(10)
    assert not run(app).error and draft(app).data["solutions"]["smart_cart"] == {}


def test_lists_and_nested_records_are_edited() -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    form = "form/attendance_hours"
    app.multiselect(key=f"{form}/terminals").set_value(["clock-1"])
    run(app)
    app.number_input(key=f"{form}/rates/workday").set_value(2.5)
    run(app)
    assert draft(app).data["solutions"]["attendance_hours"] == {"config": {"terminals": ["clock-1"], "rates": {"workday": 2.5}}}


def test_a_solution_is_added_and_removed() -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    app.selectbox(key=f"add/{draft(app).edition}").set_value("cashier_exception_audit")
    app.button(key="add").click()
    assert set(draft(run(app)).data["solutions"]) == {"attendance_hours", "cashier_exception_audit"}
    app.button(key="remove/cashier_exception_audit").click()
    assert set(draft(run(app)).data["solutions"]) == {"attendance_hours"}


def test_a_file_that_is_not_there_is_told_and_the_draft_stays() -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    app.text_input(key="open_path").set_value("/nowhere/bundle.toml")
    app.button(key="open").click()
    assert any("SL-DOC-01" in error.value for error in run(app).error)
    assert draft(app).data["name"] == "B"


def test_a_new_bundle_begins_for_a_format() -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    app.selectbox(key="new_format").set_value("convenience")
    app.button(key="begin").click()
    assert draft(run(app)).data["store"]["format"] == "convenience"
    assert any("SL-BND-04" in error.value for error in app.error)


def test_saving_writes_what_the_kernel_reads_back(tmp_path: Path) -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    path = tmp_path / "mine.toml"
    app.text_input(key=f"path/{draft(app).edition}").set_value(str(path))
    app.button(key="save").click()
    run(app)
    assert tomllib.loads(path.read_text(encoding="utf-8")) == draft(app).data


def test_saving_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    app.text_input(key=f"path/{draft(app).edition}").set_value(str(tmp_path / "no" / "b.toml"))
    app.button(key="save").click()
    assert any(error.value.startswith("Not saved") for error in run(app).error)


def test_a_trial_runs_and_shows_results_and_the_report() -> None:
    app = opened("views/trial.py", "en", "attendance_hours")
    app.number_input(key="scale").set_value(0.05)
    app.number_input(key="history").set_value(2)
    app.button(key="run").click()
    run(app)
    result = app.session_state["trial"].result
    assert result.facts["staff.clock"] > 0 and (result.end - result.start).days == 1
    table = app.table[0].value
    assert table["Solution"].tolist() == ["**Attendance and working-hours control**"] and "Shifts begun on time" in table["Figures"][0]
    assert app.session_state["trial"].reports["en"].startswith("<!DOCTYPE html>")
    assert [button.label for button in app.get("download_button")] == ["Download the report (HTML)"]


def test_a_bundle_with_errors_is_not_tried() -> None:
    app = opened("views/compose.py", "en", "attendance_hours")
    bundle = draft(app)
    bundle.data["solutions"]["attendance_hours"] = {"config": {"late_grace": -1}}
    page = testing.AppTest.from_file(str(STUDIO / "views/trial.py"), default_timeout=60)
    page.session_state["lang"], page.session_state["draft"] = "en", bundle
    assert not run(page).button and any("SL-CFG-03" in error.value for error in page.error)


def test_no_engine_is_imported_at_the_start() -> None:
    script = (
        "import sys, runpy\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"AppTest.from_file({str(STUDIO / 'app.py')!r}, default_timeout=60).run()\n"
        "print(sorted({'cv2', 'onnxruntime', 'ray', 'matplotlib', 'ortools', 'statsforecast'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
