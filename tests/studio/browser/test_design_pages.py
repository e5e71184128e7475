"""Catalogue, stores and trial in a real browser: typing, drawing, reloading, the way back."""

import re
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.studio.serving import CHROMIUM

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")


def shown(page: Any, text: str) -> None:
    page.get_by_text(text, exact=True).first.wait_for()


def test_typing_searches_by_pinyin_and_the_choice_outlives_a_reload_and_goes_back(opened: Callable[..., Any]) -> None:
    page = opened("/?lang=zh")
    page.get_by_placeholder(re.compile("gouwuche")).type("gouwuche", delay=30)
    page.get_by_role("button", name="智能购物车").wait_for()
    page.wait_for_url(re.compile("search=gouwuche"))
    page.reload()
    page.get_by_role("button", name="智能购物车").click()
    page.get_by_role("heading", name="智能购物车").wait_for()
    page.go_back()
    page.get_by_role("heading", name="方案目录").wait_for()
    page.get_by_role("button", name="智能购物车").wait_for()


def test_the_catalogue_is_reached_by_keyboard(opened: Callable[..., Any]) -> None:
    page = opened("/?lang=en")
    page.get_by_role("button", name=re.compile("User reach")).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Smart shopping cart").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Smart shopping cart").wait_for()
    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.textContent") == "Settings"


def test_a_trial_shows_its_progress_ends_and_outlives_a_reload(opened: Callable[..., Any]) -> None:
    page = opened("/?lang=en&solution=attendance_hours")
    page.get_by_role("tab", name="Sample run").click()
    page.get_by_role("button", name="Run a day").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_text(re.compile("facts in")).wait_for(timeout=60_000)
    assert "sample=" in page.url
    page.reload()
    page.get_by_role("tab", name="Sample run").click()
    page.get_by_text(re.compile("facts in")).wait_for()
    page.get_by_role("radio", name="Timelines").or_(page.get_by_text("Timelines", exact=True)).first.click()
    page.wait_for_selector("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")


def test_a_trial_is_stopped(opened: Callable[..., Any]) -> None:
    page = opened("/try?lang=zh")
    days = page.get_by_label("天数", exact=True)
    days.fill("31")
    days.press("Enter")
    time.sleep(1)
    page.get_by_role("button", name="开始试运行").click()
    page.get_by_role("button", name="停止").click()
    page.get_by_text("试运行已停止，未保留结果。").wait_for()


def test_a_store_is_made_with_a_zone_drawn_by_mouse(opened: Callable[..., Any], place: Path) -> None:
    page = opened("/stores?lang=en")
    page.get_by_role("button", name="New store").click()
    shown(page, "3 Floor")
    page.get_by_text("3 Floor", exact=True).click()
    page.wait_for_selector(".stage svg[role=group]")
    page.click('[data-act="draw"]')
    page.locator(".stage").scroll_into_view_if_needed()
    page.locator(".stage").evaluate("one => one.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    area = page.locator(".stage").bounding_box()
    for x, y in ((0.2, 0.2), (0.7, 0.2), (0.7, 0.6), (0.2, 0.6), (0.2, 0.2)):
        page.mouse.click(area["x"] + x * area["width"], area["y"] + y * area["height"])
    page.get_by_role("button", name="Download the table zones").wait_for()
    page.get_by_text("5 Check and save", exact=True).click()
    page.get_by_role("button", name="Save the store").click()
    page.get_by_text("Saved: store-001").wait_for()
    saved = tomllib.loads((place / "stores" / "store-001.toml").read_text(encoding="utf-8"))
    assert saved["format"] == "supermarket"
    (zone,) = orjson.loads((place / "stores" / "store-001.zones.json").read_bytes())
    assert zone["zone"] == "z-1" and zone["area_m2"] == pytest.approx(0.5 * 40 * 0.4 * 25, rel=0.03)
