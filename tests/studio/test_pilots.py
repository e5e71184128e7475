"""Pilot projects from their registration to the decision, as each role sees them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.core.control.database import writing
from storeloom.core.control.models.reports import Figure
from tests.studio.chain_pages import asked, keys, opened, run, texts
from tests.studio.plane import CHAIN, Plane

PAGE = "views/pilots.py"
STORES = tuple(f"s{k:02}" for k in range(1, 11))
TRIED = STORES[:2]
TODAY = datetime.now(UTC).date()
BEGINS, ENDS = TODAY - timedelta(days=35), TODAY - timedelta(days=1)
PLAN = {
    "problem": "Labels lag behind.",
    "solutions": ["esl_price_sync"],
    "metric": {"solution": "esl_price_sync", "name": "updates_sent"},
}


@pytest.fixture
def plane(tmp_path: Any) -> Iterator[Plane]:
    made = Plane(tmp_path, STORES)
    chance = np.random.default_rng(5)
    course = np.cumsum(chance.normal(0, 3, 130))
    with writing(made.services.engine) as session:
        for store in STORES:
            level = 1000 + 100 * chance.random()
            for k in range(130):
                day = TODAY - timedelta(days=130 - k)
                value = level + 30 * (k % 7) + course[k] + chance.normal(0, 10) + (80 if store in TRIED and day >= BEGINS else 0)
                at = datetime(day.year, day.month, day.day, tzinfo=UTC)
                facts = {"instance": "esl", "solution": "esl_price_sync", "name": "updates_sent", "unit": "count", "how": "sum"}
                session.add(Figure(chain=CHAIN, store=store, span="day", begins=at, day=day.isoformat(), value=value, weight=1, **facts))
    yield made
    made.close()


def registered(plane: Plane) -> None:
    plane.ask("operator").post("/pilots", {"id": "labels", "name": "Labels", "plan": PLAN})


def reviewed(plane: Plane, *steps: str) -> None:
    """A pilot with an estimate and stores, taken through steps."""
    registered(plane)
    ask = plane.ask("operator")
    estimate = {"effect": 50, "low": 0, "high": 90, "earned": 10, "one_off": 20000, "months": 12, "stores": 10}
    choice = {"stores": list(TRIED), "comparables": list(STORES[2:]), "begins": str(BEGINS), "ends": str(ENDS)}
    ask.put("/pilots/labels", {"estimate": estimate, "choice": choice}, "1")
    for version, step in enumerate(steps, 2):
        ask.post("/pilots/labels/step", {"to": step}, str(version))


@pytest.mark.parametrize(("lang", "words"), [("zh", "尚无试点项目"), ("en", "No pilot project yet")])
def test_a_chain_without_pilots_says_what_to_do(plane: Plane, lang: str, words: str) -> None:
    assert words in texts(opened(PAGE, plane, lang=lang))


def test_a_pilot_is_registered_and_what_is_missing_is_told(plane: Plane) -> None:
    app = opened(PAGE, plane, "operator")
    press(app, "Register")
    assert "SL-API-03" in texts(app)
    app.text_input(key="pilots/id").set_value("labels")
    app.text_input(key="pilots/name").set_value("Labels")
    app.text_area(key="pilots/problem").set_value("Labels lag behind.")
    app.multiselect(key="pilots/solutions").set_value(["esl_price_sync"])
    figures = app.selectbox(key="pilots/metric")
    figures.set_value(next(one for one in figures.options if one.endswith(": Updates sent")))
    press(app, "Register")
    assert asked(app, "pilot") == "labels" and "Labels lag behind" in texts(app)
    assert plane.ask("viewer").get("/pilots/labels").body["plan"]["metric"] == PLAN["metric"]


def press(app: Any, label: str) -> None:
    next(one for one in app.button if one.label == label).click()
    run(app)


def test_value_and_cost_are_estimated(plane: Plane) -> None:
    registered(plane)
    app = opened(PAGE, plane, "operator", pilot="labels")
    for name, value in {"effect": 50.0, "low": 0.0, "high": 90.0, "earned": 10.0, "one_off": 20000, "months": 12, "stores": 10}.items():
        app.number_input(key=f"pilots/{name}").set_value(value)
    press(app, "Save")
    assert [one.value for one in app.metric if one.label == "Cost"] == ["CN¥2,000.00"]
    app.button(key="pilots/step").click()
    run(app)
    assert plane.ask("viewer").get("/pilots/labels").body["step"] == "estimated"


def test_comparable_stores_are_found_and_kept(plane: Plane) -> None:
    reviewed(plane, "estimated")
    app = opened(PAGE, plane, "operator", pilot="labels")
    app.multiselect(key="pilots/comparables").set_value([])
    app.button(key="pilots/find").click()
    run(app)
    assert set(app.multiselect(key="pilots/comparables").value) <= set(STORES[2:]) and app.multiselect(key="pilots/comparables").value
    app.button(key="pilots/choose").click()
    run(app)
    kept = plane.ask("viewer").get("/pilots/labels").body["choice"]
    assert kept["stores"] == list(TRIED) and set(kept["comparables"]) == set(app.multiselect(key="pilots/comparables").value)
    assert date.fromisoformat(kept["begins"]) == BEGINS


def test_a_pilot_is_evaluated_and_decided(plane: Plane) -> None:
    reviewed(plane, "estimated", "reviewed", "running")
    app = opened(PAGE, plane, "operator", pilot="labels")
    assert "Not evaluated yet" in texts(app) and app.button(key="pilots/choose").disabled
    app.button(key="pilots/evaluate").click()
    run(app)
    assert float(next(one.value for one in app.metric if one.label == "Change of the figure, a store and day")) == pytest.approx(80, abs=15)
    app.button(key="pilots/step").click()
    run(app)
    app.text_area(key="pilots/reason").set_value("It pays.")
    press(app, "Decide")
    assert "Roll out to all stores: It pays" in texts(app)
    assert "pilots/evaluate" not in keys(app)


def test_a_viewer_reads_and_changes_nothing(plane: Plane) -> None:
    reviewed(plane, "estimated", "reviewed", "running")
    app = opened(PAGE, plane, "viewer", lang="zh", pilot="labels")
    assert "尚未评估" in texts(app) and not keys(app) & {"pilots/evaluate", "pilots/step", "pilots/choose"}
