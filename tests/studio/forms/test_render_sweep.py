"""Every solution's form drawn: with its defaults, filled through its widgets, and with odd values."""

import random
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.overlay import same
from storeloom.core.kernel.sources import config_defaults
from storeloom.studio.forms.kinds import MISSING, NESTED
from storeloom.studio.forms.model import Form, Node
from tests.studio.forms.values import odd

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
APP = Path(__file__).parents[1] / "form_app.py"
FILES = sorted((schemas.SCHEMAS / "solutions").rglob("*.json"))
IDS = [file.stem for file in FILES]


@pytest.fixture(scope="module")
def app() -> Any:
    """One page for the whole sweep: to start one takes Streamlit longer than to draw a form."""
    return testing.AppTest.from_file(str(APP), default_timeout=60)


def show(app: Any, key: str, file: Path, value: dict[str, Any], lang: str = "en") -> None:
    """Have a form on the page, under a key of its own."""
    app.session_state["form_key"] = key
    app.session_state["schema_file"], app.session_state["value"], app.session_state["lang"] = str(file), value, lang
    app.session_state["edits"] = 0
    run(app)


def run(app: Any) -> Any:
    app.run()
    assert not app.exception, app.exception
    broken = [warning.value for warning in app.warning if "could not be shown" in warning.value or "无法显示" in warning.value]
    assert not broken
    return app


def shown(form: Form, page: int) -> list[Node]:
    """The places of a page that have a plain control now."""

    def inside(node: Node) -> list[Node]:
        if node.kind == "list":
            return inside(node.children[0]) if node.children else []
        if node.kind == "map" and any(one.kind in NESTED for one in node.children):
            return inside(node.children[0])
        return [leaf for one in node.children for leaf in inside(one)] if node.kind in NESTED else [node]

    return [leaf for node in form.pages[page] for leaf in inside(node)]


def another(node: Node, chance: random.Random) -> Any:
    """Another value that the setting allows, MISSING where this test does not make one up."""
    facts = node.facts
    if node.kind == "switch":
        return not node.shown
    if node.kind == "choice":
        return chance.choice([one.value for one in node.options])
    if node.kind in ("integer", "number"):
        low, high = facts.get("minimum", facts.get("exclusiveMinimum", 0)), facts.get("maximum", facts.get("exclusiveMaximum"))
        high = low + 10 if high is None else high
        return (low + high) // 2 if node.kind == "integer" else float((low + high) / 2)
    if node.kind == "date":
        return "2026-05-06"
    if node.kind == "time":
        return "09:15"
    if node.kind == "secret":
        return "a_secret"
    if node.kind == "text" and not {"pattern", "format", "minLength", "maxLength"} & set(facts) and facts.get("x-widget") != "cron":
        return "some words"
    return MISSING


def put(app: Any, key: str, node: Node, value: Any) -> None:
    """Say a value by the setting's widget."""
    kinds = {"switch": "toggle", "choice": "selectbox", "integer": "number_input", "number": "number_input"}
    kinds |= {"date": "date_input", "time": "time_input"}
    widget = getattr(app, kinds.get(node.kind, "text_input"))(key=key)
    widget.set_value(date.fromisoformat(value) if node.kind == "date" else time.fromisoformat(value) if node.kind == "time" else value)


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_form_is_drawn_and_filled_through_its_widgets(app: Any, file: Path) -> None:
    chance = random.Random(file.stem)
    show(app, file.stem, file, config_defaults(file))
    assert app.session_state["edits"] == 0 and not app.error
    wanted: dict[tuple[str | int, ...], Any] = {}
    for page in range(len(Form(schemas.load(file), app.session_state["value"]).pages)):
        if page:
            app.selectbox(key=f"{file.stem}//page").set_value(page)
            run(app)
        for leaf in shown(Form(schemas.load(file), app.session_state["value"]), page):
            value = another(leaf, chance)
            if value is not MISSING:
                put(app, "/".join([file.stem, *map(str, leaf.path)]), leaf, value)
                wanted[leaf.path] = value
        run(app)
    after = Form(schemas.load(file), app.session_state["value"])
    assert {path: after.node(path).shown for path in wanted} == pytest.approx(wanted) or all(
        same(after.node(path).shown, value) for path, value in wanted.items()
    )
    assert schemas.check(file, app.session_state["value"]) == []


@pytest.mark.parametrize("file", FILES, ids=IDS)
@settings(
    phases=[Phase.generate], max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)  # fmt: skip
@given(data=st.data())
def test_odd_values_are_drawn_and_stay_as_they_are(app: Any, file: Path, data: Any) -> None:
    value = data.draw(odd(schemas.load(file)))
    show(app, f"{file.stem}/odd", file, value, lang="zh")
    assert app.session_state["edits"] == 0 and same(app.session_state["value"], value)
