"""The chain at one look and the live state of one store."""

from collections.abc import Iterator
from typing import Any

import pytest

from storeloom.studio.fleet.store_change import swapped
from tests.studio.chain_pages import asked, keys, opened, run, texts
from tests.studio.plane import Plane, SaidAgent

PAGE = "views/store.py"


@pytest.fixture
def plane(tmp_path: Any) -> Iterator[Plane]:
    made = Plane(tmp_path)
    yield made
    made.close()


@pytest.fixture
def agent(plane: Plane) -> SaidAgent:
    """Store a's agent, which runs the first release."""
    made = plane.agent("a")
    plane.rollout(plane.release(stores=["a"])["id"])
    for _ in range(4):
        plane.tick()
        made.obey()
    made.well()
    return made


@pytest.mark.parametrize(("lang", "words"), [("zh", "尚无代理"), ("en", "no agent yet")])
def test_the_chain_shows_every_store_with_its_agent(plane: Plane, agent: SaidAgent, lang: str, words: str) -> None:
    app = opened(PAGE, plane, "viewer", lang)
    rows = app.dataframe[0].value.values.tolist()
    assert [row[0] for row in rows] == ["Store A (a)", "Store B (b)", "Store C (c)"]
    assert rows[0][2] == rows[0][3] == ("发布 1" if lang == "zh" else "Release 1") and rows[1][1] == words


def test_a_store_without_an_agent_says_what_to_do(plane: Plane) -> None:
    app = opened(PAGE, plane, "operator", store="b")
    assert "Make an enrolment code below" in app.info[0].value
    app.button(key="code").click()
    assert f"--server {plane.url} --code " in run(app).code[0].value
    app.selectbox(key="store").set_value("c")
    assert not run(app).code, "it is for that store alone"


def test_a_store_shows_what_it_runs_and_how(plane: Plane, agent: SaidAgent) -> None:
    agent.figures(12)
    app = opened(PAGE, plane, "viewer", store="a")
    assert {metric.label: metric.value for metric in app.metric} == {
        "Runs": "Release 1",
        "Is to run": "Release 1",
        "Open alerts": "0",
        "Devices online": "4 / 4",
    }
    solutions, devices, figures, log = (table.value.values.tolist() for table in app.dataframe[:4])
    assert solutions == [["Electronic shelf-label price sync", "running", "1.0.0", 250, 1, "esl-1"]]
    assert [row[0] for row in devices] == ["esl-1", "gate-1", "lamp-1", "till-1"] and {row[2] for row in devices} == {"online"}
    assert figures[0][2] == "12" and len(app.get("vega_lite_chart")) == 1
    assert log[0][2] == "1 figures" and "store well; failures 1; not online: none" in [row[2] for row in log]
    assert not {key for key in keys(app) if key in ("swap", "code")}


def test_an_alert_is_taken_up_once(plane: Plane, agent: SaidAgent) -> None:
    agent.alert(text="label *1* differs")
    seen = opened(PAGE, plane, "viewer", "zh", store="a")
    assert "label \\*1\\* differs" in texts(seen) and not {key for key in keys(seen) if key.startswith("alert/")}
    app = opened(PAGE, plane, "operator", "zh", store="a")
    (key,) = (key for key in keys(app) if key and key.startswith("alert/"))
    app.button(key=key).click()
    assert "operator 于" in texts(run(app)) and key not in keys(app)
    agent.alert("cleared")
    assert "没有未关闭的告警。" in texts(run(app))


def test_an_alert_that_was_opened_anew_meanwhile_is_not_taken_up_by_mistake(plane: Plane, agent: SaidAgent) -> None:
    agent.alert()
    app = opened(PAGE, plane, "operator", store="a")
    (key,) = (key for key in keys(app) if key and key.startswith("alert/"))
    agent.alert("cleared")
    agent.alert()
    app.button(key=key).click()
    assert any("SL-API-13" in error.value for error in run(app).error) and key in keys(app)


def test_a_refusal_is_told_in_the_agents_words(plane: Plane, agent: SaidAgent) -> None:
    agent.say("state", "refused", state="refused", reason={"en": "no room on the disk", "zh": "磁盘空间不足"})
    app = opened(PAGE, plane, "viewer", "zh", store="a")
    assert "磁盘空间不足" in app.warning[0].value and "已拒绝该发布" in texts(app)


def test_a_solution_is_swapped_in_the_stores_own_layer_and_the_change_is_undone(plane: Plane, agent: SaidAgent) -> None:
    app = opened(PAGE, plane, "integrator", store="a")
    assert "swap" not in keys(app)
    app.selectbox(key="swap/out").set_value("esl_price_sync")
    run(app).selectbox(key="swap/in").set_value("open_close_compliance")
    run(app)
    app.button(key="swap").click()
    run(app)
    made = plane.ask("viewer").get("/stores/a/composition").body
    assert list(made["solutions"]) == ["open_close_compliance"] and "swap/release" in keys(app)
    app.button(key="swap/undo").click()
    run(app)
    assert list(plane.ask("viewer").get("/stores/a/composition").body["solutions"]) == ["esl_price_sync"]


def test_a_swap_keeps_all_else_of_the_own_layer() -> None:
    own = {"solutions": {"a": {"config": {"x": 1}}, "b": {"enabled": False, "config": {"y": 2}}}, "runtime": {"keep_days": 3}}
    assert swapped(own, "a", "b") == {
        "solutions": {"a": {"config": {"x": 1}, "enabled": False}, "b": {"config": {"y": 2}}},
        "runtime": {"keep_days": 3},
    }
    assert own["solutions"]["b"] == {"enabled": False, "config": {"y": 2}}, "what was read is left as it is"


def test_somebody_elses_change_is_not_overwritten(plane: Plane, agent: SaidAgent) -> None:
    app = opened(PAGE, plane, "integrator", store="a")
    app.selectbox(key="swap/in").set_value("open_close_compliance")
    run(app)
    plane.ask("integrator").put("/stores/a/design", {"own": {"runtime": {"keep_days": 9}}}, "1")
    app.button(key="swap").click()
    assert any("SL-API-13" in error.value for error in run(app).error)
    assert plane.ask("viewer").get("/stores/a/design").body["own"] == {"runtime": {"keep_days": 9}}


def test_a_maintenance_window_is_kept(plane: Plane) -> None:
    app = opened(PAGE, plane, "operator", store="b")
    app.toggle(key="window/on").set_value(True)
    app.button(key="window/save").click()
    assert "Kept." in [one.value for one in run(app).success]
    window = plane.ask("viewer").get("/stores/b").body["window"]
    assert window == {"begins": "02:00", "until": "05:00", "weekdays": [1, 2, 3, 4, 5, 6, 7]}


def test_a_store_that_is_not_there_shows_the_chain(plane: Plane) -> None:
    app = opened(PAGE, plane, "viewer", store="nowhere")
    assert not asked(app, "store") or app.selectbox(key="store").value == ""
    assert len(app.dataframe) == 1
