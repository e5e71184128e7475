"""Release and roll-out: from the chain's designs to the stores, as each role sees it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.studio.chain_pages import asked, keys, opened, run, texts
from tests.studio.plane import STORES, Plane, SaidAgent

PAGE = "views/releases.py"


@pytest.fixture
def plane(tmp_path: Any) -> Iterator[Plane]:
    made = Plane(tmp_path)
    yield made
    made.close()


def agents(plane: Plane) -> list[SaidAgent]:
    return [plane.agent(store) for store in STORES]


def moved(plane: Plane, who: list[SaidAgent], rounds: int = 5) -> None:
    """The roll-out's clockwork and the agents, in turn."""
    for _ in range(rounds):
        plane.tick()
        for agent in who:
            agent.obey()
            agent.well()
    plane.tick()


@pytest.mark.parametrize(("lang", "words"), [("zh", "尚无发布"), ("en", "No release yet")])
def test_a_chain_without_releases_says_what_to_do(plane: Plane, lang: str, words: str) -> None:
    app = opened(PAGE, plane, lang=lang)
    assert words in texts(app) and "check" in keys(app)


def test_a_chain_without_stores_says_so(tmp_path: Any) -> None:
    plane = Plane(tmp_path, ())
    assert "no open store yet" in opened(PAGE, plane).info[0].value
    plane.close()


def test_nobody_signed_in_finds_the_way_in(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORELOOM_SERVER", plane.url)
    app = opened(PAGE, None)
    assert {field.label for field in app.text_input} == {"Chain", "E-mail", "Password"} and "Releases" not in texts(app)


def test_stores_are_composed_and_every_finding_is_told(plane: Plane) -> None:
    plane.ask("integrator").put("/stores/b/design", {"own": {"solutions": {"esl_price_sync": {"config": {"colour": 1}}}}}, "1")
    app = opened(PAGE, plane)
    app.button(key="check").click()
    told = texts(run(app))
    assert "2 of 3 stores compose without an error" in told and "SL-CFG-02" in told


def test_a_release_is_signed_and_its_plan_is_shown(plane: Plane) -> None:
    app = opened(PAGE, plane, "integrator")
    assert "make" not in keys(app)
    app.text_input(key="release/name").set_value("spring")
    run(app)
    app.button(key="make").click()
    run(app)
    job = asked(app, "job")
    assert job
    until = time.monotonic() + 20
    while plane.ask("viewer").get(f"/release-jobs/{job}").body["state"] != "done":
        assert time.monotonic() < until
        time.sleep(0.05)
    run(app)
    assert asked(app, "release") and not asked(app, "job")
    figures = {metric.label: metric.value for metric in app.metric}
    assert (figures["Stores"], figures["First start"], figures["Swapped live"]) == ("3", "3", "0")
    assert "restart of 1 to 2 s (first start)" in app.expander[0].label
    assert "for operators" in app.info[0].value and "start_rollout" not in keys(app)


def test_a_release_that_cannot_be_made_tells_why(plane: Plane) -> None:
    plane.ask("integrator").put("/stores/b/design", {"own": {"solutions": {"esl_price_sync": {"config": {"colour": 1}}}}}, "1")
    ask = plane.ask("integrator")
    job = ask.post("/releases", {"name": "bad"}).body["id"]
    while ask.get(f"/release-jobs/{job}").body["state"] != "failed":
        time.sleep(0.05)
    told = texts(opened(PAGE, plane, "integrator", "zh", job=job))
    assert "SL-REL-03" in told and "SL-CFG-02" in told and "门店 b" in told


def test_a_plan_tells_what_changes_in_the_readers_language(plane: Plane) -> None:
    who = agents(plane)
    plane.rollout(plane.release()["id"])
    moved(plane, who)
    plane.design({"rise_lead_s": 600}, open_close_compliance={})
    app = opened(PAGE, plane, "operator", "zh", release=plane.release("summer")["id"])
    assert {metric.label: metric.value for metric in app.metric}["在营更换"] == "3"
    table = app.expander[0].dataframe[0].value
    assert table.values.tolist() == [["rise_lead_s", "300", "600"]]
    assert "在营更换，不停业" in app.expander[0].label


def test_the_way_is_kept_in_the_address_and_starts_a_roll_out(plane: Plane) -> None:
    release = plane.release()["id"]
    app = opened(PAGE, plane, "operator", release=release)
    app.button(key="way/way_once").click()
    run(app).number_input(key="way/soak_s").set_value(5)
    run(app).text_input(key="way/waves/0/name").set_value("everywhere")
    run(app)
    assert json.loads(asked(app, "way")) == {"waves": [{"name": "everywhere", "percent": 100}], "soak_s": 300}
    again = opened(PAGE, plane, "operator", release=release, way=asked(app, "way"))
    assert again.number_input(key="way/soak_s").value == 5
    app.button(key="start_rollout").click()
    run(app)
    told = plane.ask("viewer").get(f"/rollouts/{asked(app, 'rollout')}").body
    assert (told["state"], told["strategy"]["soak_s"], [one["name"] for one in told["waves"]]) == ("running", 300, ["everywhere"])
    assert not asked(app, "way") and "0 of 3 stores done" not in told


def test_waves_are_added_narrowed_and_dropped(plane: Plane) -> None:
    app = opened(PAGE, plane, "operator", release=plane.release()["id"], way=json.dumps({"waves": [{"name": "x", "percent": 10}]}))
    app.button(key="way/add").click()
    run(app).selectbox(key="way/narrow/0/").set_value("rings")
    run(app).multiselect(key="way/waves/0/rings").set_value([0, 1])
    run(app).toggle(key="way/waves/0/hold").set_value(True)
    run(app)
    assert json.loads(asked(app, "way"))["waves"] == [
        {"name": "x", "percent": 10, "rings": [0, 1], "hold": True},
        {"name": "wave 2", "percent": 100},
    ]
    app.button(key="way/drop/0").click()
    run(app)
    assert json.loads(asked(app, "way"))["waves"] == [{"name": "wave 2", "percent": 100}]


@pytest.mark.parametrize(("lang", "words"), [("zh", "百分比须逐批上升。"), ("en", "The percentages must rise from wave to wave.")])
def test_a_way_that_does_not_hold_is_told_and_not_started(plane: Plane, lang: str, words: str) -> None:
    way = {"waves": [{"name": "a", "percent": 50}, {"name": "b", "percent": 10}]}
    app = opened(PAGE, plane, "operator", lang, release=plane.release()["id"], way=json.dumps(way))
    assert [error.value for error in app.error] == [words] and "start_rollout" not in keys(app)


def test_gates_are_set(plane: Plane) -> None:
    app = opened(PAGE, plane, "operator", release=plane.release()["id"], way=json.dumps({"waves": [{"name": "a", "percent": 100}]}))
    app.number_input(key="way/agents/reject").set_value(30.0)
    run(app).toggle(key="way/errors").set_value(False)
    new = next(box for box in run(app).selectbox if str(box.key).startswith("way/figure/new"))
    new.select_index(0)
    run(app)
    way = json.loads(asked(app, "way"))
    assert (way["agents"], way["errors"], way["figures"][0]["solution"]) == ({"reject": 0.3}, None, "esl_price_sync")
    assert "start_rollout" in keys(app)


def test_a_roll_out_is_watched_paused_resumed_and_taken_back(plane: Plane) -> None:
    who = agents(plane)
    plane.rollout(plane.release()["id"])
    moved(plane, who)
    plane.design({"rise_lead_s": 600})
    rollout = plane.rollout(plane.release("summer")["id"])
    plane.tick()
    app = opened(PAGE, plane, "operator", rollout=rollout)
    assert "running" in texts(app) and {"order/pause", "order/rollback", "order/abort"} <= keys(app)
    app.button(key="order/pause").click()
    assert "paused" in texts(run(app)) and "Ordered by operator" in app.warning[0].value and "order/pause" not in keys(app)
    app.button(key="order/resume").click()
    run(app)
    moved(plane, who)
    assert "3 of 3 stores done" in json.dumps([one.proto.text for one in run(app).get("progress")])
    app.text_input(key="order/rollback/note").set_value("prices blink")
    run(app)
    app.button(key="order/rollback").click()
    assert "being taken back" in texts(run(app))
    moved(plane, who)
    assert "taken back" in texts(run(app)) and "prices blink" in app.warning[0].value
    happened = [row[1] for row in app.dataframe[-1].value.values.tolist()][::-1]
    assert happened[:2] == ["planned", "started"] and happened[-1] == "all stores are back"


def test_an_order_that_is_refused_is_told(plane: Plane) -> None:
    rollout = plane.rollout(plane.release()["id"])
    app = opened(PAGE, plane, "operator", rollout=rollout)
    plane.ask("operator").post(f"/rollouts/{rollout}/pause", {})
    app.button(key="order/pause").click()
    assert any("SL-ROL-03" in error.value for error in run(app).error)


def test_a_viewer_steers_nothing(plane: Plane) -> None:
    release = plane.release()["id"]
    app = opened(PAGE, plane, "viewer", rollout=plane.rollout(release))
    assert not {key for key in keys(app) if key and key.startswith("order/")}
    assert "withdraw" not in keys(opened(PAGE, plane, "viewer", release=release))


def test_what_a_failed_gate_saw_is_told(plane: Plane) -> None:
    who = agents(plane)
    rollout = plane.rollout(plane.release()["id"], least_heard=0.5, on_failure="pause")
    plane.tick()
    who[0].wants()
    who[0].say("state", "refused", state="refused", reason={"en": "no room on the disk", "zh": "磁盘空间不足"})
    for _ in range(3):
        plane.tick()
    app = opened(PAGE, plane, "operator", "zh", rollout=rollout)
    assert "把关未通过：更新失败" in app.warning[0].value and "更新失败：1/1" in texts(app)
    assert "磁盘空间不足" in app.dataframe[0].value.to_string()
    assert "order/accept" not in keys(app)
    app.text_input(key="order/accept/note").set_value("known")
    run(app)
    app.button(key="order/accept").click()
    assert "已通过" in texts(run(app))


def test_figures_of_the_gates_are_shown_with_their_statistics() -> None:
    from streamlit.testing.v1 import AppTest

    def script() -> None:
        from storeloom.studio.fleet.live import _gate_rows

        saw = {"treated": 4, "controls": 9, "harm": 0.0312, "z": 2.91, "bound": 2.4, "low": 0.01, "high": 0.05, "outcome": "fail"}
        gates = {"esl_price_sync/labels_updated": saw, "errors/esl_price_sync": {"seen": "nothing"}}
        _gate_rows({"looks": [{"at": "2026-03-02T10:00:00Z", "fraction": 0.5, "gates": gates, "outcome": "fail"}]})

    app = AppTest.from_function(script)
    app.session_state["lang"] = "en"
    rows = run(app).dataframe[0].value.values.tolist()
    assert rows[0][2:] == ["3.12 %", "1 % … 5 %", "2.91", "2.40", "4 / 9", "failed"]


def test_a_release_is_withdrawn_with_a_reason(plane: Plane) -> None:
    release = plane.release()["id"]
    app = opened(PAGE, plane, "integrator", release=release)
    assert "withdraw" not in keys(app)
    app.text_input(key="withdraw/reason").set_value("prices wrong")
    run(app)
    app.button(key="withdraw").click()
    assert any("was withdrawn" in error.value for error in run(app).error)
