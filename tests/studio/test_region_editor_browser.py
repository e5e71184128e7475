"""The region editor in a real browser: drawn by mouse, keyboard and touch, and the value that Python gets."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.studio.serving import CHROMIUM, chromium, served

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
APP = Path(__file__).with_name("region_editor_app.py")
SOON_S = 20.0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The page, served."""
    with served(APP) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


class Editor:
    """The opened page: places are shares of the picture."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.wait_for_selector(".stage svg[role=group]", timeout=60_000)

    def at(self, x: float, y: float) -> tuple[float, float]:
        area = self.page.locator(".stage").bounding_box()
        return area["x"] + x * area["width"], area["y"] + y * area["height"]

    def drag(self, *places: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.at(*place), steps=4)
        self.page.mouse.up()

    def click(self, *places: tuple[float, float]) -> None:
        for place in places:
            self.page.mouse.click(*self.at(*place))

    def act(self, name: str) -> None:
        self.page.click(f'[data-act="{name}"]')

    def keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)

    def focused(self) -> str:
        found = self.page.evaluate(
            "() => { let one = document.activeElement; while (one?.shadowRoot) one = one.shadowRoot.activeElement;"
            " return one?.dataset?.key ?? one?.dataset?.act ?? ''; }"
        )
        return str(found)

    def value(self) -> Any:
        return json.loads(self.page.inner_text("[data-testid=stCode] code"))

    def wait(self, fits: Callable[[Any], bool]) -> Any:
        """The value once it fits."""
        until = time.monotonic() + SOON_S
        while not fits(self.value()):
            assert time.monotonic() < until, self.value()
            time.sleep(0.05)
        return self.value()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Editor]]:
    """Opens the page for a kind, language and width."""
    contexts = []

    def open_page(kind: str, lang: str = "en", width: int = 1100, **options: Any) -> Editor:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{address}/?kind={kind}&lang={lang}")
        return Editor(page)

    yield open_page
    for context in contexts:
        context.close()


def near(value: Any, wanted: Any, by: float = 0.004) -> bool:
    if isinstance(wanted, list):
        return isinstance(value, list) and len(value) == len(wanted) and all(near(a, b, by) for a, b in zip(value, wanted, strict=True))
    return abs(float(value) - float(wanted)) <= by


def test_a_line_is_dragged_moved_flipped_and_taken_back(opened: Callable[..., Editor]) -> None:
    editor = opened("lines")
    editor.act("draw")
    editor.drag((0.2, 0.5), (0.8, 0.6))
    (row,) = editor.wait(lambda value: len(value) == 1)
    assert near([row["from"], row["to"]], [[0.2, 0.5], [0.8, 0.6]]) and row["kind"] == "door"
    editor.drag((0.8, 0.6), (0.9, 0.3))
    assert near(editor.wait(lambda value: near(value[0]["to"], [0.9, 0.3]))[0]["from"], [0.2, 0.5])
    editor.act("flip")
    editor.wait(lambda value: near([value[0]["from"], value[0]["to"]], [[0.9, 0.3], [0.2, 0.5]]))
    for _ in range(3):
        editor.act("undo")
    editor.wait(lambda value: value == [])
    editor.act("redo")
    editor.wait(lambda value: value and near(value[0]["to"], [0.8, 0.6]))


def test_a_line_is_made_moved_and_deleted_by_keyboard(opened: Callable[..., Editor]) -> None:
    editor = opened("lines")
    editor.page.focus('[data-act="draw"]')
    editor.keys("Enter")
    assert editor.wait(bool)[0]["from"] == [0.25, 0.4]
    assert editor.focused().startswith("point:")
    editor.keys("ArrowDown", "ArrowDown", "Shift+ArrowRight")
    assert editor.wait(lambda value: value[0]["from"] == [0.3, 0.41])[0]["to"] == [0.75, 0.4]
    editor.keys("Tab", "ArrowUp")
    editor.wait(lambda value: value[0]["to"] == [0.75, 0.395])
    editor.keys("Control+z")
    editor.wait(lambda value: value[0]["to"] == [0.75, 0.4])
    editor.keys("Escape", "Delete")
    editor.wait(lambda value: value == [])
    assert editor.focused() == "draw"


def test_points_cannot_leave_the_picture(opened: Callable[..., Editor]) -> None:
    editor = opened("lines")
    editor.act("draw")
    editor.drag((0.5, 0.5), (0.9, 0.5), (1.2, 1.1))
    editor.wait(lambda value: len(value) == 1 and value[0]["to"] == [1.0, 1.0])
    editor.keys("ArrowRight", "Shift+ArrowDown")
    editor.drag((0.75, 0.75), (0.2, 0.2))
    editor.wait(lambda value: near(value[0]["from"], [0.0, 0.0]) and near(value[0]["to"], [0.5, 0.5]))


def test_a_zone_is_clicked_gets_a_corner_more_and_a_name(opened: Callable[..., Editor]) -> None:
    editor = opened("polygons")
    editor.act("draw")
    editor.click((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2))
    (row,) = editor.wait(lambda value: len(value) == 1)
    assert near(row["polygon"], [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]])
    editor.drag((0.5, 0.2), (0.5, 0.1))
    editor.wait(lambda value: near(value[0]["polygon"], [[0.2, 0.2], [0.5, 0.1], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]))
    editor.keys("Delete")
    editor.wait(lambda value: len(value[0]["polygon"]) == 4)
    field = editor.page.locator('.item input[type="text"]')
    field.fill("crate")
    field.press("Enter")
    editor.wait(lambda value: value[0].get("name") == "crate")


def test_a_zone_that_crosses_itself_is_not_accepted(opened: Callable[..., Editor]) -> None:
    editor = opened("polygons")
    editor.act("draw")
    editor.click((0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8))
    assert editor.page.inner_text(".status").startswith("Not accepted: its sides cross")
    editor.keys("Escape")
    editor.page.focus('[data-act="draw"]')
    editor.keys("Enter")
    square = editor.wait(bool)[0]["polygon"]
    editor.page.mouse.move(*editor.at(*square[0]))
    editor.page.mouse.down()
    editor.page.mouse.move(*editor.at(0.9, 0.5), steps=4)
    assert editor.page.locator(".shape.bad").count() == 1
    editor.page.mouse.up()
    assert editor.page.locator(".shape.bad").count() == 0
    assert "Not accepted" in editor.page.inner_text(".status")
    editor.keys("ArrowRight")
    assert editor.wait(lambda value: value[0]["polygon"][0] != square[0])[0]["polygon"][1:] == square[1:]


def test_slots_are_copied_in_a_row(opened: Callable[..., Editor]) -> None:
    editor = opened("boxes")
    editor.act("draw")
    editor.drag((0.1, 0.3), (0.3, 0.6))
    editor.wait(lambda value: len(value) == 1)
    editor.act("duplicate")
    editor.wait(lambda value: len(value) == 2)
    editor.keys("ArrowRight", "ArrowRight")
    editor.wait(lambda value: near(value[1]["box"], [0.31, 0.3, 0.2, 0.3]))
    editor.act("duplicate")
    editor.act("duplicate")
    rows = editor.wait(lambda value: len(value) == 4)
    assert near([row["box"][0] for row in rows], [0.1, 0.31, 0.52, 0.73])
    editor.act("duplicate")
    assert "no room" in editor.page.inner_text(".status") and len(editor.value()) == 4


def test_a_quad_has_four_corners_and_each_goes_its_own_way(opened: Callable[..., Editor]) -> None:
    editor = opened("quads")
    editor.act("draw")
    editor.click((0.2, 0.2), (0.8, 0.3), (0.8, 0.7), (0.2, 0.8))
    editor.wait(lambda value: value and near(value[0], [[0.2, 0.2], [0.8, 0.3], [0.8, 0.7], [0.2, 0.8]]))
    editor.drag((0.8, 0.3), (0.9, 0.1))
    editor.wait(lambda value: near(value[0], [[0.2, 0.2], [0.9, 0.1], [0.8, 0.7], [0.2, 0.8]]))
    assert editor.page.locator('[data-act="add_corner"]').is_hidden()
    editor.keys("Delete")
    editor.wait(lambda value: value == [])


def test_a_floor_point_counts_once_its_metres_are_filled_in(opened: Callable[..., Editor]) -> None:
    editor = opened("floor_points")
    editor.act("draw")
    editor.click((0.4, 0.7))
    x, y = editor.page.locator('.item input[type="number"]').all()
    x.fill("2.5")
    assert editor.value() == []
    y.fill("4")
    y.press("Enter")
    assert near(editor.wait(bool), [[[0.4, 0.7], [2.5, 4]]])


def test_a_value_changed_elsewhere_is_drawn_anew(opened: Callable[..., Editor]) -> None:
    editor = opened("polygons")
    editor.page.focus('[data-act="draw"]')
    editor.keys("Enter")
    editor.wait(bool)
    editor.page.get_by_role("button", name="outside").click()
    editor.wait(lambda value: value[0].get("name") == "bow")
    editor.page.wait_for_selector(".shape.bad")
    assert editor.page.locator(".stage .label").all_text_contents() == ["1 bow"]
    assert editor.page.locator('[data-act="undo"]').is_disabled()


@pytest.mark.parametrize(("kind", "lang"), [("lines", "en"), ("polygons", "zh"), ("boxes", "zh"), ("floor_points", "en")])
def test_a_narrow_touch_screen_shows_all_of_it_and_draws(opened: Callable[..., Editor], kind: str, lang: str) -> None:
    editor = opened(kind, lang, 390, has_touch=True, is_mobile=True)
    editor.page.tap('[data-act="draw"]')
    for place in [(0.2, 0.3), (0.8, 0.5), (0.7, 0.8), (0.2, 0.3)][: 1 if kind == "floor_points" else 4 if kind == "polygons" else 2]:
        editor.page.touchscreen.tap(*editor.at(*place))
    editor.page.wait_for_selector('[data-key^="shape:"]', state="attached")
    wide = editor.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide == 390
    heights = [button.bounding_box()["height"] for button in editor.page.locator(".bar button:visible").all()]
    assert min(heights) >= 40
