"""Composing in a real browser: a bundle from goals, an edit, undo by keyboard, and a draft that outlives a reload and the server."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.studio.serving import CHROMIUM, served

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
APP = ROOT / "studio" / "app.py"


def number(page: Any, label: str) -> Any:
    return page.get_by_label(label, exact=True)


def with_value(page: Any, label: str, value: str) -> None:
    page.wait_for_function(
        "([label, value]) => [...document.querySelectorAll('input')].some(one => one.ariaLabel === label && one.value === value)",
        arg=[label, value],
    )


def edited(page: Any, label: str, value: str) -> None:
    """Type a value and leave the field."""
    number(page, label).fill(value)
    number(page, label).press("Enter")


def test_a_bundle_from_goals_is_edited_undone_and_outlives_reload_and_server(opened: Callable[..., Any], address: str, place: Path) -> None:
    page = opened("/compose?lang=en")
    page.get_by_text("Begin or open a bundle").click()
    page.get_by_role("button", name="Shorten queues").click()
    page.get_by_text("Shorten queues: raises “Carts with goods that were paid on the cart”").wait_for()
    page.get_by_role("button", name=re.compile("Begin a bundle with these")).click()
    page.get_by_text("In this bundle: ").wait_for()
    page.wait_for_url(re.compile(r"draft=[\w-]{32}"))
    page.get_by_text("Smart shopping cart", exact=True).first.click()
    label = "Weight difference always allowed (g)"
    with_value(page, label, "10")
    edited(page, label, "5000")
    page.get_by_text("SL-CFG-03").wait_for()
    page.get_by_role("button", name="Apply this fix").click()
    with_value(page, label, "200")
    page.get_by_text("changed here").first.wait_for()  # twice while the page is drawn anew
    page.locator("h1").click()
    page.keyboard.press("Alt+z")
    with_value(page, label, "5000")
    page.keyboard.press("Alt+y")
    with_value(page, label, "200")
    page.reload()
    with_value(page, label, "200")
    where = page.url.removeprefix(address)
    stranger = opened("/compose?lang=en")
    assert stranger.locator("h1").inner_text() == "Riverside supermarket" and "draft=" not in stranger.url
    with served(APP, STORELOOM_DRAFTS=str(place / "drafts"), STORELOOM_SERVER="", XDG_CONFIG_HOME=str(place)) as other:
        again = stranger
        again.goto(f"{other}{where}")
        with_value(again, label, "200")
        again.get_by_role("button", name="Undo").click()
        with_value(again, label, "5000")


@pytest.mark.parametrize(("lang", "parts"), [("zh", ("连线", "成本与容量", "层级", "对比", "保存", "方案"))])
def test_a_phone_shows_every_part_without_scrolling_sideways(opened: Callable[..., Any], lang: str, parts: tuple[str, ...]) -> None:
    page = opened(f"/compose?lang={lang}", 390, has_touch=True, is_mobile=True)
    for part in parts:
        page.get_by_role("radio", name=part).or_(page.get_by_role("button", name=part, exact=True)).first.tap()
        page.wait_for_timeout(400)
        page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollWidth <= 390")
        assert page.locator("[data-testid=stException]").count() == 0


def test_all_of_it_is_reached_by_keyboard(opened: Callable[..., Any]) -> None:
    page = opened("/compose?lang=en")
    page.get_by_text("In this bundle: ").wait_for()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("() => document.activeElement.innerText || document.activeElement.ariaLabel || document.activeElement.type"))
    text = "\n".join(map(str, seen))
    for name in ("Begin or open a bundle", "Solutions", "Weight difference always allowed (g)"):
        assert name in text


def test_a_choice_stays_when_its_words_change(opened: Callable[..., Any]) -> None:
    page = opened("/compose?lang=en")
    edited(page, "Weight difference always allowed (g)", "5000")
    page.get_by_role("radio", name=re.compile("Smart shopping cart.*error"), checked=True).wait_for()
    page.get_by_text("Item demand forecast", exact=True).click()
    page.get_by_role("heading", name="Item demand forecast").wait_for()
    page.get_by_text("中文", exact=True).click()
    page.get_by_role("heading", name="单品销量预测").wait_for()
    page.get_by_role("radio", name="单品销量预测", checked=True).wait_for()
