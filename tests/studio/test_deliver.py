"""A bundle on its way to a chain: a template is written, stores are built on it, a later hand-over is its next revision."""

from collections.abc import Iterator
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.studio.composing.deliver import design_body
from storeloom.studio.draft import EXAMPLE, Draft, new_draft, open_draft
from tests.studio.chain_pages import keys, opened, run, testing, texts
from tests.studio.plane import Plane, profile

PAGE = "views/compose.py"


@pytest.fixture
def plane(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    """A chain with stores a, b and c on its template, and d and e on none."""
    made = Plane(tmp_path)
    monkeypatch.setenv("STORELOOM_SERVER", made.url)
    for store in ("d", "e"):
        made.ask("integrator").post("/stores", {"id": store, "name": f"Store {store.upper()}", "profile": profile(store)})
    yield made
    made.close()


def bundle(store: str = "d") -> Draft:
    found = new_draft("Right prices", "supermarket", None, profile(store))
    found.add("esl_price_sync")
    return found


def delivering(plane: Plane, role: str = "integrator", lang: str = "en", made: Draft | None = None) -> Any:
    app = testing.AppTest.from_file(str(ROOT / "studio" / PAGE), default_timeout=60)
    app.session_state["lang"], app.session_state["draft"] = lang, made or bundle()
    app.session_state["member"] = plane.member(role)
    app.query_params["part"] = "deliver"
    return run(app)


def test_a_bundle_becomes_a_template_and_its_store_is_built_on_it(plane: Plane) -> None:
    app = delivering(plane)
    assert app.multiselect(key="deliver/stores").value == ["d"]
    app.button(key="deliver/go").click()
    assert "Template right-prices, revision 1. Stores on it now: d." in texts(run(app))
    ask = plane.ask("viewer")
    told = ask.get("/designs/right-prices").body
    assert told["body"] == {
        "solutions": {"esl_price_sync": {}},
        "runtime": {"uplink": {"url": f"{plane.url}/api", "token": "uplink"}},
    }
    assert ask.get("/stores/d/composition").body["ok"]
    assert {one["store"] for one in ask.pages("/store-designs", {"template": "right-prices"})} == {"d"}
    assert "deliver/on" in keys(app)


def test_the_next_hand_over_is_the_next_revision_and_takes_the_stores_along(plane: Plane) -> None:
    app = delivering(plane)
    app.button(key="deliver/go").click()
    run(app)
    app.session_state["draft"].apply({"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 300}}}})
    run(app)
    assert app.selectbox(key="deliver/template").value == "right-prices" and "revision 1" not in texts(app)
    app.toggle(key="deliver/uplink").set_value(False)
    app.button(key="deliver/go").click()
    assert "revision 2. Stores on it now: d." in texts(run(app))
    told = plane.ask("viewer").get("/designs/right-prices").body
    assert told["body"] == {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 300}}}}
    assert plane.ask("viewer").get("/stores/d/design").body["template_version"] == 2


def test_what_the_chain_refuses_is_told_and_nothing_is_half_done(plane: Plane) -> None:
    app = delivering(plane)
    app.text_input(key="deliver/id").set_value("Not An Id")
    app.button(key="deliver/go").click()
    assert "SL-API-03" in texts(run(app)) and "deliver/on" not in keys(app)
    assert not list(plane.ask("viewer").pages("/store-designs", {"template": "right-prices"}))


def test_a_profile_that_composing_changed_goes_along(plane: Plane) -> None:
    made = bundle()
    made.data["store"]["devices"] = {**made.data["store"]["devices"], "cart-1": {"kind": "cart"}}
    app = delivering(plane, made=made)
    assert app.toggle(key="deliver/profile").value
    app.button(key="deliver/go").click()
    run(app)
    told = plane.ask("viewer").get("/stores/d").body
    assert told["profile"]["devices"]["cart-1"] == {"kind": "cart"} and (told["name"], told["version"]) == ("Store D", 2)
    assert not [one for one in run(app).toggle if one.key == "deliver/profile"]


@pytest.mark.parametrize(("lang", "words"), [("zh", "角色“查看者”不能使用"), ("en", "not for the role viewer")])
def test_who_may_only_look_is_told_so(plane: Plane, lang: str, words: str) -> None:
    app = delivering(plane, "viewer", lang)
    assert words in texts(app) and "deliver/go" not in keys(app)


def test_without_a_chain_there_is_no_such_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("STORELOOM_SERVER", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = opened(PAGE, None)
    assert "Hand over" not in [word for one in app.get("button_group") for word in getattr(one, "options", ())]


def test_layers_of_files_become_one_layer() -> None:
    registry = Registry()
    composition = open_draft(EXAMPLE).compose(registry)
    body = design_body(composition)
    merged = composition.sources.value
    assert set(body["solutions"]) == set(merged["solutions"]) and "store" not in body and "template" not in body and "name" not in body


def test_a_release_page_without_a_store_on_a_template_says_what_to_do(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Plane(tmp_path, ())
    try:
        made.ask("integrator").post("/stores", {"id": "d", "name": "D", "profile": profile("d")})
        assert "Compose a bundle and hand it over" in texts(opened("views/releases.py", made, "admin"))
    finally:
        made.close()
