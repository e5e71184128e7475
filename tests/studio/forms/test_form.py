"""A form drawn from schemas of every kind: nested records, lists of records, choices, alternatives, maps, secrets, places, pickers."""

import json
from pathlib import Path
from typing import Any

import pytest

from storeloom.studio.forms import render
from storeloom.studio.forms.model import PAGE, Form

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
APP = Path(__file__).parents[1] / "form_app.py"


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    """Draws a form of these properties with a value."""

    def draw(properties: dict[str, Any], value: dict[str, Any] | None = None, **session: Any) -> Any:
        file = tmp_path / "schema.json"
        file.write_text(json.dumps({"type": "object", "properties": properties, "additionalProperties": False}), encoding="utf-8")
        app = testing.AppTest.from_file(str(APP), default_timeout=60)
        app.session_state["schema_file"], app.session_state["value"] = str(file), value or {}
        for key, one in session.items():
            app.session_state[key] = one
        return run(app)

    return draw


def run(app: Any) -> Any:
    app.run()
    assert not app.exception, app.exception
    return app


def value(app: Any) -> Any:
    return app.session_state["value"]


def test_a_nested_record_is_filled_in_and_left_out(drawn: Any) -> None:
    inner = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    app = drawn({"part": {"title": "Part", "anyOf": [inner, {"type": "null"}], "default": None}})
    assert "Not set." in [caption.value for caption in app.caption]
    app.button(key="form/part//fill_in").click()
    assert value(run(app)) == {"part": {"n": 3}}
    app.number_input(key="form/part/n").set_value(8)
    assert value(run(app)) == {"part": {"n": 8}}
    app.button(key="form/part//take_out").click()
    assert value(run(app)) == {}


def test_rows_are_added_copied_moved_and_deleted(drawn: Any) -> None:
    row = {"type": "object", "properties": {"name": {"type": "string"}, "on": {"type": "boolean", "default": True}}, "required": ["name"]}
    app = drawn({"rows": {"type": "array", "items": row}})
    app.button(key="form/rows//add_row").click()
    run(app).text_input(key="form/rows/0/name").set_value("first")
    run(app).button(key="form/rows//copy_row").click()
    run(app).text_input(key="form/rows/1/name").set_value("second")
    assert value(run(app)) == {"rows": [{"name": "first"}, {"name": "second"}]}
    app.button(key="form/rows//row_up").click()
    assert [row["name"] for row in value(run(app))["rows"]] == ["second", "first"]
    app.button(key="form/rows//drop_row").click()
    assert value(run(app)) == {"rows": [{"name": "first"}]}


def test_choices_are_worded_and_a_value_that_is_none_of_them_is_seen(drawn: Any) -> None:
    options = [{"const": "a", "title": "Gentle", "x-zh": "温和"}, {"const": "b", "title": "Strict", "x-zh": "严格"}]
    app = drawn({"mode": {"oneOf": options}}, {"mode": "c"}, lang="zh")
    box = app.selectbox(key="form/mode")
    assert box.options == ["温和", "严格", "c"] and box.value == "c" and len(app.error) == 1
    box.set_value("b")
    assert value(run(app)) == {"mode": "b"} and not app.error


def test_an_alternative_is_changed_and_begins_with_the_least_that_fits(drawn: Any) -> None:
    app = drawn(
        {"when": {"title": "When", "anyOf": [{"type": "integer", "minimum": 5}, {"type": "array", "items": {"type": "string"}}]}},
        {"when": 9},
    )
    assert app.number_input(key="form/when").value == 9
    app.selectbox(key="form/when//branch").set_value(1)
    assert value(run(app)) == {"when": []}
    app.text_area(key="form/when").set_value("x\ny")
    assert value(run(app)) == {"when": ["x", "y"]}


def test_a_fault_of_an_alternative_stands_beside_it_once(drawn: Any) -> None:
    kinds = [{"type": "integer", "minimum": 5}, {"type": "array", "items": {"type": "string"}}]
    app = drawn({"when": {"title": "When", "anyOf": kinds}}, {"when": 1})
    assert len(app.error) == 1


def test_a_map_gets_and_loses_keys(drawn: Any) -> None:
    app = drawn({"limits": {"type": "object", "additionalProperties": {"type": "number", "minimum": 1}}}, {"limits": {"fish": 2}})
    app.text_input(key="form/limits//new").set_value("meat")
    assert value(run(app)) == {"limits": {"fish": 2, "meat": 1}}
    app.number_input(key="form/limits/meat").set_value(4.5)
    run(app).button(key="form/limits/fish//drop_key").click()
    assert value(run(app)) == {"limits": {"meat": 4.5}}


def test_pickers_offer_what_the_store_has_and_take_what_it_has_not(drawn: Any) -> None:
    text = {"type": "string"}
    app = drawn({name: {**text, "x-widget": name} for name in ("device", "product", "zone", "staff")}, {"device": "cam-9"})
    assert app.selectbox(key="form/device").options == ["cam-1 (camera)", "clock-1 (access)", "cam-9"]
    assert app.selectbox(key="form/product").options == ["6901 (Milk)"]
    app.selectbox(key="form/zone").set_value("z-1")
    assert value(run(app)) == {"device": "cam-9", "zone": "z-1"}


def test_a_secret_is_asked_for_by_its_name_and_said_so(drawn: Any) -> None:
    app = drawn({"token": {"type": "string", "title": "Token", "x-widget": "secret"}})
    field = app.text_input(key="form/token")
    assert field.placeholder == "Name of a secret" and "never the secret itself" in field.help


def test_units_ranges_and_defaults_are_said_in_both_languages(drawn: Any) -> None:
    grace = {
        "type": "integer",
        "title": "Grace",
        "x-zh": "宽限",
        "x-unit": "s",
        "minimum": 1,
        "maximum": 9,
        "default": 5,
        "x-effect": "live",
    }
    english, chinese = drawn({"grace": grace}), drawn({"grace": grace}, lang="zh")
    field = english.number_input(key="form/grace")
    assert field.label == "Grace (s)" and "1 … 9" in field.help and "Default: 5" in field.help and field.value == 5
    assert chinese.number_input(key="form/grace").label == "宽限 (s)"


def test_a_changed_setting_says_so_and_is_reset_to_the_layer_below(drawn: Any) -> None:
    app = drawn({"n": {"type": "integer", "default": 5}}, {"n": 7}, parent={"n": 6}, layers={})
    assert any("changed here · without this bundle: 6" in caption.value for caption in app.caption)
    app.button(key="form/n//reset").click()
    assert value(run(app)) == {"n": 6}


def test_what_no_control_shows_is_edited_as_json_and_text_that_is_none_stays(drawn: Any) -> None:
    app = drawn({"odd": {"type": "string", "not": {"const": "x"}}, "n": {"type": "integer"}}, {"odd": "y", "n": "three"})
    assert any("No control can show this setting (not)" in caption.value for caption in app.caption)
    assert any("does not fit the setting's control" in caption.value for caption in app.caption)
    box = app.text_area(key="form/n//json")
    box.set_value("{3")
    assert any("This is not JSON" in error.value for error in run(app).error) and value(app)["n"] == "three"
    assert app.text_area(key="form/n//json").value == "{3"
    app.text_area(key="form/n//json").set_value("3")
    assert value(run(app))["n"] == 3 and app.number_input(key="form/n").value == 3


def test_the_whole_is_edited_as_json(drawn: Any) -> None:
    app = drawn({"n": {"type": "integer", "maximum": 5}}, {"n": 1})
    app.toggle(key="form//raw").set_value(True)
    run(app).text_area(key="form//json").set_value("[]")
    assert any("table of settings" in error.value for error in run(app).error)
    app.text_area(key="form//json").set_value('{"n": 9}')
    assert value(run(app)) == {"n": 9} and any("SL-CFG-03" in error.value for error in app.error)


def test_an_unknown_key_is_shown_and_removed(drawn: Any) -> None:
    app = drawn({"n": {"type": "integer"}}, {"n": 1, "m": [1]})
    assert any("SL-CFG-02" in error.value for error in app.error)
    app.button(key="form/m//remove").click()
    assert value(run(app)) == {"n": 1} and not app.error


def test_a_setting_that_cannot_be_drawn_leaves_the_others_standing(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = render.entry

    def fails(kind: str, label: str, *arguments: Any, **common: Any) -> None:
        if label == "Bad":
            raise ValueError("no such control")
        plain(kind, label, *arguments, **common)

    monkeypatch.setattr(render, "entry", fails)
    app = drawn({"bad": {"type": "integer", "title": "Bad"}, "n": {"type": "integer", "default": 2}})
    assert [warning.value for warning in app.warning] == ["Bad could not be shown and is edited as JSON. ValueError: no such control"]
    app.number_input(key="form/n").set_value(3)
    run(app).text_area(key="form/bad//json").set_value("4")
    assert value(run(app)) == {"n": 3, "bad": 4}


def test_a_long_form_is_paged_and_the_open_page_is_kept(drawn: Any) -> None:
    properties = {f"s{n}": {"type": "integer", "maximum": 9, "title": f"Setting {n}"} for n in range(60)}
    app = drawn(properties, {"s59": 99}, lang="zh")
    pages = app.selectbox(key="form//page")
    assert len(pages.options) == 3 and pages.options[2].endswith("待修正 1 处") and len(app.number_input) == PAGE
    pages.select_index(2)
    run(app).number_input(key="form/s59").set_value(5)
    assert value(run(app))["s59"] == 5 and app.selectbox(key="form//page").value == 2


def test_places_are_drawn_by_the_region_editor_and_as_text(drawn: Any) -> None:
    row = {"type": "object", "properties": {"camera": {"type": "string"}, "polygon": {"type": "array"}}, "required": ["camera", "polygon"]}
    app = drawn({"zones": {"type": "array", "items": row, "x-widget": "polygons", "title": "Zones"}}, lang="en")
    assert app.selectbox(key="form/zones/camera").options == ["cam-1"]
    text = next(area for area in app.text_area if area.label == "as JSON")
    wanted = [{"camera": "cam-1", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}]
    text.set_value(json.dumps(wanted))
    assert value(run(app)) == {"zones": wanted}


def test_a_nested_setting_is_never_torn_over_pages() -> None:
    plain = {"type": "integer"}
    deep = {"type": "object", "properties": {f"d{n}": plain for n in range(10)}}
    form = Form(
        {"type": "object", "properties": {**{f"a{n}": plain for n in range(20)}, "deep": deep, **{f"b{n}": plain for n in range(20)}}},
        {"deep": {"d0": 1}},
    )
    assert [len(page) for page in form.pages] == [20, 21]
    assert sum("deep" in [node.name for node in page] for page in form.pages) == 1
