"""The pages of a chain in a real browser: a reload stays signed in, two people do not mix, keyboard and phone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT, Registry
from tests.studio.plane import CHAIN, PASSWORD, Plane
from tests.studio.serving import CHROMIUM, chromium, served

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = [pytest.mark.long, pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")]
SOON_MS = 30_000
STREAMLITS_OWN = ("list", "listitem")  # the side bar's sections stand in a <div> within its <ul>


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A chain whose store a runs its first release."""
    made = Plane(tmp_path_factory.mktemp("plane"))
    agent = made.agent("a")
    made.rollout(made.release(stores=["a"])["id"])
    for _ in range(3):
        made.tick()
        agent.obey()
        agent.well()
    agent.figures(7)
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(ROOT / "studio" / "serve.py", STORELOOM_SERVER=plane.url, STORELOOM_DRAFTS=str(tmp_path_factory.mktemp("drafts"))) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def person(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Somebody in a browser of their own, signed in by keyboard alone."""
    contexts = []

    def come(role: str, path: str = "/signin", lang: str = "en", width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON_MS)
        page.goto(f"{address}/signin?lang={lang}")
        page.locator("input[autocomplete=organization]").focus()
        for text in (CHAIN, f"{role}@{CHAIN}.example", PASSWORD):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.get_by_text(f"{role}@{CHAIN}.example").first.wait_for(state="attached")
        if path != "/signin":
            page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
        return page

    yield come
    for context in contexts:
        context.close()


def test_a_reload_and_a_link_stay_signed_in_and_nothing_secret_is_in_the_address(person: Callable[..., Any], address: str) -> None:
    page = person("operator", "/store?store=a")
    page.get_by_text("runs well").wait_for()
    page.reload()
    page.get_by_text("runs well").wait_for()
    page.goto(f"{address}/releases?lang=en")
    page.get_by_text("Release 1").first.wait_for()
    (cookie,) = (one for one in page.context.cookies() if one["name"] == "storeloom_browser")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and "slt_" not in page.url and cookie["value"] not in page.url
    assert "storeloom_browser" not in page.evaluate("() => document.cookie")
    page.get_by_role("button", name="Sign out").click()
    page.locator("input[type=password]").wait_for()
    page.reload()
    page.locator("input[type=password]").wait_for()


def test_two_people_do_not_mix(person: Callable[..., Any], address: str) -> None:
    operator, viewer = person("operator"), person("viewer", lang="zh")
    for page in (operator, viewer):
        page.goto(page.url.replace("/signin", "/releases"))
    operator.get_by_text("operator of north").wait_for()
    viewer.get_by_text("north 的查看者").wait_for()
    viewer.get_by_role("button", name="打开 1", exact=True).click()
    viewer.get_by_text("开始上线需由运维员或管理员操作。").wait_for()
    assert operator.get_by_role("button", name="打开 1", exact=True).count() == 0


@pytest.mark.parametrize(
    ("lang", "paths"),
    [
        ("zh", ("/releases", "/store", "/store?store=a", "/vendors")),
        pytest.param("en", ("/releases", "/store?store=a"), marks=pytest.mark.thorough),
    ],
)
def test_a_phone_shows_each_page_without_scrolling_sideways(
    person: Callable[..., Any], address: str, lang: str, paths: tuple[str, ...]
) -> None:
    page = person("admin", lang=lang, width=390, has_touch=True, is_mobile=True)
    for path in paths:
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(1500)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390, path
        assert page.locator("[data-testid=stException]").count() == 0, path


@pytest.mark.thorough
def test_the_scan_finds_nothing_serious(person: Callable[..., Any], address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is absent")
    page = person("admin")
    for path in ("/releases", "/store", "/store?store=a", "/vendors"):
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang=zh")
        page.wait_for_selector("h1")
        page.wait_for_timeout(1500)
        found = axe.Axe().run(page).response["violations"]
        bad = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert [one for one in bad if one[0] not in STREAMLITS_OWN] == [], path


def test_a_swap_leads_to_the_stores_own_release(person: Callable[..., Any], address: str) -> None:
    page = person("admin", "/store?store=b")
    page.get_by_text("Swap a solution").click()
    page.get_by_role("combobox", name="Put in").click()
    page.keyboard.type(Registry().catalogue.solutions["open_close_compliance"]["en"])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Write the change").click()
    page.get_by_text("The store's own layer, revision 2").wait_for()
    page.get_by_role("button", name="Sign a release for this store").click()
    page.get_by_text("Store b").first.wait_for()
    page.wait_for_url(lambda url: "/releases" in url and ("job=" in url or "release=" in url))


def test_a_wheel_is_sent_from_the_browser_and_its_check_outlives_a_reload(person: Callable[..., Any], address: str, tmp_path: Path) -> None:
    from tests.studio.toy_wheel import toy_wheel

    page = person("vendor", "/vendors")
    page.locator("input[type=file]").first.set_input_files(toy_wheel(tmp_path))
    page.get_by_role("button", name="Check the package").click()
    page.get_by_text("Grade: bronze.").wait_for()
    page.reload()
    page.get_by_text("Grade: bronze.").wait_for()
    page.get_by_role("button", name="Hand the wheel in").wait_for()
