"""The catalogue: map, search, filters, a solution's page."""

from typing import Any

import pytest

from storeloom.studio.searching import Searcher, sounds_like
from tests.studio.pages import draft, opened, run, texts

pytest.importorskip("streamlit", reason="the extra studio is absent")
PAGE = "views/catalogue.py"


def labels(app: Any, begin: str) -> list[str]:
    return [button.label for button in app.button if button.key and button.key.startswith(begin)]


def said(app: Any, name: str) -> str:
    found = app.query_params.get(name, "")
    return str(found[0] if isinstance(found, list) else found)


@pytest.mark.parametrize(("lang", "pillars"), [("zh", "用户互动"), ("en", "People")])
def test_the_map_counts_by_pillar_format_and_scenario(lang: str, pillars: str) -> None:
    app = opened(PAGE, lang)
    table = next(one.value for one in app.markdown if one.value.startswith("|"))
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0][1] == pillars and len(rows) == 7
    whole = [int(cell) for cell in rows[-1][1:]]
    assert sum(whole[:-1]) == whole[-1] > 0
    for row in rows[2:-1]:
        counts = [0 if cell == "–" else int(cell) for cell in row[1:]]
        assert sum(counts[:-1]) == counts[-1] <= whole[-1]
    inside = [int(label.rsplit("(", 1)[1].rstrip(")")) for label in labels(app, "scenario/")]
    assert sum(inside) == whole[-1]


@pytest.mark.parametrize("words", ["考勤", "kaoqin", "kq", "working-hours", "attendance_hours", "attendance kaoqin"])
def test_search_finds_by_chinese_english_pinyin_and_initials(words: str) -> None:
    app = opened(PAGE, "en")
    app.text_input(key="search").set_value(words)
    assert "**Attendance and working-hours control**" in labels(run(app), "show/")
    assert said(app, "search") == words


def test_what_is_in_no_solution_finds_nothing_and_says_what_to_do() -> None:
    app = opened(PAGE, "en")
    app.text_input(key="search").set_value("cart no-such-word")
    assert labels(run(app), "show/") == [] and app.info[0].value.startswith("Nothing fits")
    app.button(key="clear").click()
    assert labels(run(app), "scenario/") and said(app, "search") == ""


def test_names_come_before_mentions_and_a_short_latin_word_begins_one() -> None:
    facts = {"scenario": "s", "purpose_zh": "", "pillar": "people"}
    solutions = {
        "b": {**facts, "zh": "称重", "en": "Scales", "purpose_en": "Weighs what a cart holds."},
        "a": {**facts, "zh": "购物车", "en": "Cart", "purpose_en": "Rings up."},
        "c": {**facts, "zh": "会员", "en": "Members", "purpose_en": "Discarts nothing."},
    }
    found = Searcher(solutions, {"s": {"zh": "触达", "en": "Reach"}})
    assert found.search(["cart"], solutions) == ["a", "b"]
    assert found.search(["hy"], solutions) == ["c"]
    assert found.search(["chuda"], solutions) == ["b", "a", "c"]
    assert found.search(["gou", "che"], solutions) == ["a"]


@pytest.mark.parametrize(
    ("word", "fits"), [("gouwu", True), ("wuche", True), ("gouw", True), ("gwc", True), ("wc", True), ("ouwu", False), ("g", False)]
)
def test_sounds_begin_with_a_syllable(word: str, fits: bool) -> None:
    assert sounds_like(word, ("gou", "wu", "che")) is fits


def test_filters_narrow_stand_in_the_address_and_come_from_it() -> None:
    app = opened(PAGE, "en")
    app.selectbox(key="device").set_value("camera")
    app.selectbox(key="load").set_value("vision")
    narrowed = labels(run(app), "scenario/")
    assert narrowed and (said(app, "device"), said(app, "load")) == ("camera", "vision")
    again = opened(PAGE, "zh", device="camera", load="vision")
    assert len(labels(again, "scenario/")) == len(narrowed)
    odd = opened(PAGE, "en", device="no-such-kind")
    assert odd.selectbox(key="device").value == ""


def test_a_scenario_leads_to_its_solutions_and_a_solution_to_its_page_and_back() -> None:
    app = opened(PAGE, "en")
    app.button(key="scenario/user_reach").click()
    run(app)
    assert "**Smart shopping cart**" in labels(app, "show/") and not labels(app, "scenario/")
    app.button(key="show/smart_cart").click()
    assert run(app).title[0].value == "Smart shopping cart"
    app.button(key="back").click()
    assert run(app).title[0].value == "Catalogue" and "**Smart shopping cart**" in labels(app, "show/")


@pytest.mark.parametrize(("lang", "unit", "none"), [("zh", "允许范围", "可选"), ("en", "Allowed", "optional")])
def test_a_solution_page_shows_flows_devices_settings_and_figures(lang: str, unit: str, none: str) -> None:
    app = opened(PAGE, lang, "attendance_hours", solution="smart_cart")
    flows, devices, figures, settings = (app.table[k].value for k in range(4))
    assert any("`cart.event`" in cell for cell in flows.iloc[:, 1]) and any(none in cell for cell in flows.iloc[:, 1])
    assert len(devices) == 3 and len(figures) == 4
    row = settings[settings.iloc[:, 0].str.contains("`tolerance_g`")].iloc[0]
    assert (row.iloc[1], row[unit]) == ("10 g", "1 … 200")


def test_a_solution_is_added_to_the_draft() -> None:
    app = opened(PAGE, "en", "attendance_hours", solution="smart_cart")
    app.button(key="add_to_draft").click()
    assert "smart_cart" in draft(run(app)).data["solutions"]
    assert "In the draft “B”." in texts(app)


def test_a_solution_that_is_not_there_is_told_with_the_nearest() -> None:
    app = opened(PAGE, "zh", solution="smart_car")
    assert any("SL-PLG-01" in error.value and "smart\\_cart" in error.value for error in app.error)
    assert app.button(key="back")
