"""The page on which a bundle is composed: beginning, solutions and settings, fixes, undo, layers, cost, comparing, saving."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.kernel.sources import config_defaults
from storeloom.studio.draft import open_draft
from storeloom.studio.words import word
from tests.studio.pages import STUDIO, draft, opened, run, texts
from tests.studio.plane import Plane

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
PAGE = "views/compose.py"
PARTS = ("solutions", "wiring", "cost", "layers", "compare", "save")
CART = "form/smart_cart/tolerance_g"
DEFAULTS = config_defaults(ROOT / "schemas" / "solutions" / "people" / "user_reach" / "smart_cart.json")


def compose(*solutions: str, lang: str = "en", **query: str) -> Any:
    return opened(PAGE, lang, *solutions, **query)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("part", PARTS)
def test_each_part_shows_the_example_and_an_empty_bundle(part: str, lang: str) -> None:
    app = opened(PAGE, lang, part=part)
    assert app.title[0].value == "Riverside supermarket" and not app.error
    app.session_state["draft"].replace({**draft(app).data, "solutions": {}, "template": None, "overlays": []}, "did_begin", {})
    assert word("no_solutions", lang) in texts(run(app)) and not app.error


# beginning


def test_a_goal_recommends_solutions_and_says_why_and_they_begin_a_bundle() -> None:
    app = compose("attendance_hours", goals="cut_stockouts")
    said = texts(app)
    assert "Recommended for “Supermarket”" in said and "Cut stock-outs: raises “On-shelf availability”" in said
    app.checkbox(key="goal/shelf_tidy_route").set_value(False)
    run(app).button(key="begin_goals").click()
    made = draft(run(app))
    assert list(made.data["solutions"]) == ["auto_replenishment", "sku_demand_forecast", "shelf_gap_camera", "backroom_fill_wave"]
    assert made.data["store"]["format"] == "supermarket" and "goals" not in app.query_params


def test_a_recommended_source_says_what_it_feeds_and_joins_the_bundle_in_work() -> None:
    app = compose("attendance_hours", lang="zh", goals="cut_waste")
    assert "为其他方案提供数据：" in texts(app) and "降低“" in texts(app)
    app.button(key="add_goals").click()
    found = draft(run(app)).data["solutions"]
    assert {"attendance_hours", "fresh_newsvendor_order", "sku_demand_forecast"} <= set(found)


def test_a_goal_that_nothing_serves_in_the_format_is_said() -> None:
    app = compose("attendance_hours", goals="cut_stockouts")
    app.selectbox(key="new_format").set_value("mall")
    assert any("No installed solution" in warning.value for warning in run(app).warning)


def test_a_device_that_the_store_lacks_is_said_and_its_solution_not_ticked() -> None:
    app = compose("attendance_hours")
    draft(app).data["store"]["devices"] = {"till": {"kind": "pos"}}
    app.query_params["goals"] = "cut_stockouts"
    app.session_state["start/open"] = True
    assert not run(app).checkbox(key="goal/shelf_gap_camera").value and "The store has no Camera" in texts(app)


def test_a_new_bundle_begins_for_a_format() -> None:
    app = compose("attendance_hours")
    app.session_state["start/open"], app.session_state["start/way"] = True, "template"
    run(app).selectbox(key="new_format").set_value("convenience")
    app.button(key="begin").click()
    assert draft(run(app)).data["store"]["format"] == "convenience"
    assert word("no_solutions", "en") in texts(app)


def test_a_file_that_is_not_there_is_told_and_the_draft_stays() -> None:
    app = compose("attendance_hours")
    app.session_state["start/open"], app.session_state["start/way"] = True, "file"
    run(app).text_input(key="open_path").set_value("/nowhere/bundle.toml")
    app.button(key="open").click()
    assert any("SL-DOC-01" in error.value for error in run(app).error)
    assert draft(app).data["name"] == "B"


# solutions and settings


def test_a_bad_value_shows_its_finding_in_the_readers_language_and_a_good_one_takes_it_away() -> None:
    app = compose("smart_cart", lang="zh")
    app.number_input(key=CART).set_value(5000)
    told = [error.value for error in run(app).error]
    assert any("SL-CFG-03" in text and "5000 超出允许范围" in text for text in told)
    assert draft(app).data["solutions"]["smart_cart"] == {"config": {"tolerance_g": 5000}}
    app.number_input(key=CART).set_value(10)
    assert not run(app).error and draft(app).data["solutions"]["smart_cart"] == {}


def test_lists_and_nested_records_are_edited() -> None:
    app = compose("attendance_hours")
    form = "form/attendance_hours"
    app.multiselect(key=f"{form}/terminals").set_value(["clock-1"])
    run(app)
    app.number_input(key=f"{form}/rates/workday").set_value(2.5)
    run(app)
    assert draft(app).data["solutions"]["attendance_hours"] == {"config": {"terminals": ["clock-1"], "rates": {"workday": 2.5}}}


def test_a_solution_is_added_opened_and_removed() -> None:
    app = compose("attendance_hours")
    app.selectbox(key="add/solution").set_value("cashier_exception_audit")
    app.button(key="add").click()
    assert set(draft(run(app)).data["solutions"]) == {"attendance_hours", "cashier_exception_audit"}
    assert app.subheader[0].value == "Cashier exception audit"
    app.button(key="remove/cashier_exception_audit").click()
    assert set(draft(run(app)).data["solutions"]) == {"attendance_hours"}


def test_a_solution_that_is_not_installed_is_said_and_can_be_removed() -> None:
    app = compose("attendance_hours", at="no_such")
    draft(app).data["solutions"]["no_such"] = {}
    assert any("SL-PLG-01" in error.value for error in run(app).error)
    app.query_params["at"] = "no_such"
    run(app).button(key="remove/no_such").click()
    assert set(draft(run(app)).data["solutions"]) == {"attendance_hours"}


def test_a_fix_is_one_click() -> None:
    app = compose("fresh_newsvendor_order")
    assert any("SL-WIR-01" in error.value for error in app.error)
    next(button for button in app.button if button.label == "Apply this fix").click()
    assert "sku_demand_forecast" in draft(run(app)).data["solutions"]
    assert not any("SL-WIR-01" in error.value for error in app.error)


def test_a_value_out_of_range_is_mended_by_one_click() -> None:
    app = compose("smart_cart")
    app.number_input(key=CART).set_value(5000)
    run(app)
    next(button for button in app.button if button.label == "Apply this fix").click()
    assert draft(run(app)).data["solutions"]["smart_cart"] == {"config": {"tolerance_g": 200}} and not app.error
    assert app.number_input(key=CART).value == 200


# undo, autosave


def test_undo_and_redo_go_through_the_states() -> None:
    app = compose("smart_cart")
    assert app.button(key="undo").disabled
    app.number_input(key=CART).set_value(20)
    run(app).number_input(key=CART).set_value(30)
    run(app).button(key="undo").click()
    assert run(app).number_input(key=CART).value == 20 and draft(app).data["solutions"]["smart_cart"] == {"config": {"tolerance_g": 20}}
    app.button(key="undo").click()
    assert run(app).number_input(key=CART).value == 10
    app.button(key="redo").click()
    assert run(app).number_input(key=CART).value == 20
    app.button(key="remove/smart_cart").click()
    run(app).button(key="undo").click()
    assert draft(run(app)).data["solutions"] == {"smart_cart": {"config": {"tolerance_g": 20}}}


def test_a_draft_is_found_again_by_its_address_and_only_by_that() -> None:
    app = compose("smart_cart")
    app.number_input(key=CART).set_value(20)
    run(app)
    home = draft(app).home
    assert home is not None
    again = opened(PAGE, "en", draft=home.id)
    assert draft(again).data == draft(app).data and again.number_input(key=CART).value == 20
    assert opened(PAGE, "en", draft=home.id[:-1] + "-").title[0].value == "Riverside supermarket"
    assert opened(PAGE, "en", draft=f"../{home.id}").title[0].value == "Riverside supermarket"


def test_two_windows_on_one_draft_see_each_others_edits() -> None:
    first = testing.AppTest.from_file(str(STUDIO / "app.py"), default_timeout=60)
    first.query_params["lang"] = "en"
    run(first).switch_page("views/compose.py")
    run(first).session_state["draft"].rename("One")
    home = draft(first).home
    assert home is not None
    second = testing.AppTest.from_file(str(STUDIO / "app.py"), default_timeout=60)
    second.query_params["draft"] = home.id
    run(second).session_state["draft"].rename("Two")
    assert run(first).session_state["draft"].data["name"] == "Two" and first.query_params["draft"] in (home.id, [home.id])


def test_two_users_do_not_mix() -> None:
    one, other = compose("smart_cart"), compose("smart_cart")
    one.number_input(key=CART).set_value(20)
    run(one)
    assert run(other).number_input(key=CART).value == 10
    assert draft(one).home != draft(other).home


def test_what_cannot_be_kept_is_told_and_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("STORELOOM_DRAFTS", str(tmp_path / "file" / "drafts"))
    app = compose("smart_cart")
    app.number_input(key=CART).set_value(20)
    assert any("SL-INP-01" in error.value for error in run(app).error)
    assert draft(app).data["solutions"]["smart_cart"] == {} and app.number_input(key=CART).value == 10


# layers, versions, cost


def test_overlays_are_shown_as_what_they_change() -> None:
    app = opened(PAGE, "en", part="layers")
    labels = [box.label for box in app.expander]
    assert labels[1:4] == ["1. Template template (14)", "2. Overlay overlay-east (1)", "3. this bundle (5)"]
    overlay = app.dataframe[1].value
    assert overlay.to_dict("records") == [
        {
            "About": "Electronic shelf-label price sync",
            "Setting": "Share of right labels under which to alert",
            "Before": "99.5 %",
            "After": "99.0 %",
        }
    ]


def test_lists_profiles_and_settings_in_them_are_worded() -> None:
    app = opened(PAGE, "en", part="layers")
    said = app.dataframe[2].value.set_index("Setting")
    assert said.loc["Counting lines", "After"] == "rows: 2" and said.loc["Counting lines", "Before"] == "none"
    night = said[said["About"] == "Profile “night”"]
    assert night.index.tolist()[:2] == ["when.from", "when.to"] and night.index[2].startswith(
        "Cold-chain temperature and energy control › "
    )


def test_two_versions_are_compared_in_words() -> None:
    app = compose("smart_cart", lang="en", part="compare")
    assert "no earlier states" in texts(app)
    bundle = draft(app)
    bundle.configure("smart_cart", {**DEFAULTS, "tolerance_g": 20}, bundle.compose(Registry()))
    bundle.add("attendance_hours")
    run(app)
    assert app.dataframe[0].value.to_dict("records") == [
        {"About": "Smart shopping cart", "Setting": "Weight difference always allowed", "Before": "10 g", "After": "20 g"}
    ]
    assert any("Comes: Attendance and working-hours control" in one.value for one in app.markdown)
    app.button(key="go_back").click()
    assert draft(run(app)).data["solutions"] == {"smart_cart": {}}


def test_a_file_is_compared_with_the_draft() -> None:
    app = opened(PAGE, "zh", part="compare")
    assert any(info.value == "没有差异。" for info in app.info)
    app.text_input(key="compare/before/file").set_value("/nowhere.toml")
    assert any("SL-DOC-01" in error.value for error in run(app).error)


def test_cost_and_capacity_are_from_least_to_most_and_name_what_is_not_known() -> None:
    app = compose("smart_cart", part="cost")
    assert "**not known**" in texts(app) and "No prices yet" in texts(app)
    app.button(key="prices/example").click()
    run(app)
    parts = app.dataframe[1].value.set_index("Part")
    host = parts.loc["Host of the store"]
    assert "**from CN¥" in texts(app) and "Without a price" in texts(app)
    assert (host["Count"], host["Cost, once (CNY)"], host["Energy a year (kWh)"]) == (1, "CN¥2,500 – CN¥9,000", "131 – 569")
    assert "Cores: needs" in texts(app)
    home = draft(app).home
    assert home is not None
    again = opened(PAGE, "en", part="cost", draft=home.id)
    assert "Host of the store" in again.dataframe[1].value["Part"].tolist() and "**from CN¥" in texts(again)


# saving


def test_saving_writes_what_the_kernel_reads_back(tmp_path: Path) -> None:
    app = compose("attendance_hours", part="save")
    path = tmp_path / "mine.toml"
    app.text_input(key=f"path/{draft(app).edition}").set_value(str(path))
    app.button(key="save").click()
    run(app)
    assert tomllib.loads(path.read_text(encoding="utf-8")) == draft(app).data == open_draft(path).data


def test_saving_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    app = compose("attendance_hours", part="save")
    app.text_input(key=f"path/{draft(app).edition}").set_value(str(tmp_path / "no" / "b.toml"))
    app.button(key="save").click()
    assert any(error.value.startswith("Not saved") for error in run(app).error)


def test_a_name_is_given() -> None:
    app = compose("attendance_hours", part="save")
    app.text_input(key=f"name/{draft(app).edition}").set_value("Bridge street")
    assert run(app).title[0].value == "Bridge street" and draft(app).data["name"] == "Bridge street"


def test_a_bundle_with_errors_is_not_packed() -> None:
    app = compose("smart_cart", part="save")
    assert [button.label for button in app.get("download_button")] == ["Download TOML", "Download the packed bundle"]
    draft(app).data["solutions"]["smart_cart"] = {"config": {"tolerance_g": -1}}
    assert [button.label for button in run(app).get("download_button")] == ["Download TOML"]
    assert ROOT.is_dir()


def test_the_chains_prices_are_taken_over_by_who_may_read_them(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    try:
        price = {"kind": "cart", "currency": "CNY", "cost_low": 100000, "cost_high": 200000, "power_low_w": 5, "power_high_w": 9}
        plane.ask("integrator").put("/prices", {**price, "source": "offer 7"})
        assert not [button for button in compose("smart_cart", part="cost").button if button.key == "prices/chain"]
        app = compose("smart_cart", part="cost")
        app.session_state["member"] = plane.member("viewer")
        run(app).button(key="prices/chain").click()
        row = run(app).dataframe[1].value.set_index("Part").loc["Cart screen"]
        assert (row["Count"], row["Cost, once (CNY)"], row["Source"]) == (12, "CN¥12,000 – CN¥24,000", "offer 7")
    finally:
        plane.close()


def test_the_next_bundles_form_has_widgets_of_its_own() -> None:
    """What the browser still tells of the bundle before is not an edit of the next one."""
    app = compose("smart_cart", at="smart_cart")
    app.number_input(key=CART).set_value(150)
    run(app)
    app.session_state["start/open"], app.session_state["start/way"] = True, "template"
    run(app).button(key="begin").click()
    run(app)
    app.session_state["draft"].add("smart_cart")
    app.query_params["at"] = "smart_cart"
    run(app)
    assert CART not in {one.key for one in app.number_input}
    assert app.number_input(key=CART.replace("smart_cart", "smart_cart@1")).value == 10
