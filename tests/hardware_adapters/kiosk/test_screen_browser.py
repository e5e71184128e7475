"""The screens' page in a real browser: what the store shows and what is touched, with the network and without; nothing lost or twice."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.cart.ws_cart import WsCart
from storeloom.hardware_adapters.kiosk.ws_kiosk import WsKiosk
from storeloom.hardware_adapters.links.wire_twin import Wire, held_port

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is absent")
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
SOON_S = 20.0
TOKEN = "page-token-0001"
BUNS = [
    {"gtin": "2000000000015", "name": "红豆面包", "qty": 2, "price": 650, "discount": 100, "amount": 1200},
    {"gtin": "2000000000022", "name": "Croissant", "qty": 1, "price": 980, "discount": 0, "amount": 980},
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1080, "height": 810}, locale="zh-CN", has_touch=True)
    one = context.new_page()
    one.set_default_timeout(SOON_S * 1000)
    yield one
    context.close()


class Shop:
    """A driver at work behind a wire; `start` again after `stop` is a restart of the store."""

    def __init__(self, cls: Any, screen: str, more: dict[str, Any]) -> None:
        self.cls, self.screen, self.more, self.held = cls, screen, more, held_port()
        self.wire = Wire(self.held.getsockname()[1])
        self.facts: list[Any] = []
        self.start()

    def start(self) -> None:
        listen = f"127.0.0.1:{self.held.getsockname()[1]}"
        driver = self.cls("desk", self.cls.Config(listen=listen, token="t", heartbeat_s=0.5, ack_s=5.0, **self.more))
        driver.context = AdapterContext(secrets={"t": TOKEN}, language="zh")
        self.rig = Rig(driver)

    def stop(self) -> None:
        assert self.rig.close(5.0)
        self.facts += self.rig.facts

    def close(self) -> None:
        self.stop()
        self.wire.close()
        self.held.close()

    def open(self, page: Any, token: str = TOKEN) -> None:
        page.goto(f"http://127.0.0.1:{self.wire.port}/{self.screen}/#token={token}")

    def show(self, **more: Any) -> BaseException | bool | None:
        key = self.cls.kind
        return self.rig.send(f"{key}.show", {key: self.screen, **more}, SOON_S)

    def events(self) -> list[Any]:
        """Each once, as the store takes them in."""
        told = {(fact.time, fact.key): fact for fact in [*self.facts, *self.rig.facts] if fact.stream.endswith(".event")}
        return [fact.data for _, fact in sorted(told.items(), key=lambda one: int(str(one[0][1]).rpartition("|")[2]))]


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    cls, screen, more = getattr(request, "param", (WsKiosk, "sco-1", {}))
    one = Shop(cls, screen, more)
    yield one
    one.close()


def until(look: Callable[[], Any], page: Any) -> None:
    end = time.monotonic() + SOON_S
    while not look():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def wedge(page: Any, code: str) -> None:
    """A scanner that plays a keyboard: its keys come within a moment, however busy this machine is."""
    keys = (
        "keys => keys.forEach(key => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })))"
    )
    page.evaluate(keys, [*code, "Enter"])


def picture(page: Any, name: str) -> None:
    """A screenshot to look at, where a folder for it is given."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_it_shows_what_the_store_says_and_tells_what_is_touched(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("body[data-link=online][data-screen=home]")
    assert "token" not in page.url and page.inner_text("h1") == "欢迎光临"
    picture(page, "home")
    page.tap("footer button")
    until(shop.events, page)
    start = shop.events()[0]
    assert (start["kiosk"], start["kind"]) == ("sco-1", "start") and len(start["session"]) == 24

    assert shop.show(screen="list", session="s1", text="请核对并确认付款。", params={"items": BUNS, "total": 2180}, cmd="c1") is None
    assert page.inner_text("h1") == "请核对并确认付款。"
    assert page.inner_text(".total b") == "¥21.80"
    assert page.inner_text(".lines tr").split() == ["红豆面包", "单价", "¥6.50", "优惠", "¥1.00", "×", "2", "¥12.00"]
    picture(page, "list_zh")
    sizes = page.evaluate("[...document.querySelectorAll('button')].map(b => [b.offsetWidth, b.offsetHeight])")
    assert all(min(size) >= 76 for size in sizes), "a finger finds each button"
    page.tap("footer button[data-kind=pay]")
    until(lambda: len(shop.events()) == 2, page)
    assert shop.events()[1] == {"kiosk": "sco-1", "session": "s1", "kind": "pay", "amount": 2180}

    page.tap("#language")
    assert page.inner_text("h1") == "Please check" and page.inner_text("footer button") == "Pay"
    picture(page, "list_en")
    page.tap("footer button[data-kind=help]")
    until(lambda: len(shop.events()) == 3, page)
    assert shop.events()[2] == {"kiosk": "sco-1", "session": "s1", "kind": "help", "need": "help"}

    choice = {"piece": 3, "items": [{"gtin": one["gtin"], "name": one["name"], "price": one["price"]} for one in BUNS]}
    assert shop.show(screen="choose", session="s1", text="请选择这是哪种商品。", params=choice, cmd="c2") is None
    picture(page, "choose")
    page.tap(".grid button:nth-child(2)")
    until(lambda: len(shop.events()) == 4, page)
    assert shop.events()[3] == {"kiosk": "sco-1", "session": "s1", "kind": "choose", "gtin": "2000000000022", "values": {"piece": 3}}


def test_touches_outlast_the_network_a_reload_and_the_stores_restart(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("body[data-link=online]")
    assert shop.show(screen="list", session="s1", text="请核对", params={"items": BUNS, "total": 2180}, cmd="c1") is None
    until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), page)

    shop.wire.play("vanish")
    page.wait_for_selector("body[data-link=offline]")
    page.tap("footer button[data-kind=help]")
    page.tap("footer button[data-kind=pay]")
    page.wait_for_selector("body[data-waiting='2']")
    assert "网络中断" in page.inner_text("#state") and "2" in page.inner_text("#state")
    picture(page, "offline")
    page.reload()
    page.wait_for_selector("body[data-screen=list][data-waiting='2']")
    assert page.inner_text(".total b") == "¥21.80", "what was shown is there again without the network"
    wedge(page, "4006381333931")
    page.wait_for_selector("body[data-waiting='3']")
    assert shop.events() == []
    shop.stop()

    shop.start()
    shop.wire.play("")
    page.wait_for_selector("body[data-link=online][data-waiting='0']")
    told = [{"kind": "help", "need": "help"}, {"kind": "pay", "amount": 2180}, {"kind": "scan", "gtin": "4006381333931"}]
    assert shop.events() == [{"kiosk": "sco-1", "session": "s1", **one} for one in told]
    assert shop.show(screen="paid", session="s1", text="付款成功", cmd="c2") is None
    assert page.inner_text("h1") == "付款成功"


def test_what_is_shown_for_a_time_gives_way_and_a_closed_kiosk_has_nothing_to_touch(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("body[data-link=online]")
    assert shop.show(screen="list", session="s1", params={"total": 100}, cmd="c1") is None
    assert shop.show(screen="line", session="s1", text="已加入。", seconds=1.5, cmd="c2") is None
    assert page.inner_text("h1") == "已加入。"
    page.wait_for_selector("body[data-screen=list]")
    assert shop.show(screen="welcome", closed=True, cmd="c3") is None
    assert page.inner_text("h1") == "暂停服务" and page.locator("main button, footer button").count() == 0
    assert shop.show(screen="scan", session="s1", text="<img src=x onerror=alert(1)>", cmd="c4") is None
    assert page.inner_text("h1") == "<img src=x onerror=alert(1)>" and page.locator("main img").count() == 0


@pytest.mark.parametrize("shop", [(WsKiosk, "till 1/甲", {})], indirect=True)
def test_a_wrong_token_is_said_and_names_need_not_be_plain(shop: Shop, page: Any) -> None:
    shop.screen = "till%201%2F%E7%94%B2"
    shop.open(page, "wrong")
    page.wait_for_selector("body[data-link=token]")
    assert page.inner_text("#state") == "接入令牌不正确"
    page.goto("about:blank")
    shop.open(page)
    page.wait_for_selector("body[data-link=online]")
    page.tap("footer button")
    until(shop.events, page)
    assert shop.events()[0]["kiosk"] == "till 1/甲"


@pytest.mark.parametrize("shop", [(WsKiosk, "info", {"idle_s": 2.0, "buttons": {"home": ["ticket"], "list": ["confirm"]}})], indirect=True)
def test_a_session_that_nobody_goes_on_with_ends(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("footer button[data-kind=ticket]")
    assert shop.show(screen="list", session="s1", params={"total": 100}, cmd="c1") is None
    assert [one.get_attribute("data-kind") for one in page.query_selector_all("footer button")] == ["confirm"]
    page.wait_for_selector("dialog[open]")
    picture(page, "still")
    page.wait_for_selector("body[data-screen=home]")
    until(shop.events, page)
    assert shop.events() == [{"kiosk": "info", "session": "s1", "kind": "timeout"}]


@pytest.mark.parametrize("shop", [(WsCart, "cart-7", {})], indirect=True)
def test_a_cart_counts_its_events_and_shows_codes(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("body[data-link=online]")
    page.tap("footer button[data-kind=login]")
    until(shop.events, page)
    own = shop.events()[0]["session"]
    wedge(page, "6901234567892")
    until(lambda: len(shop.events()) == 2, page)
    assert shop.events()[1] == {"cart": "cart-7", "session": own, "seq": 2, "kind": "add", "gtin": "6901234567892", "qty": 1}
    offer = {"coupon": "come_back:s1:69", "items": [{"gtin": "6900000000029", "name": "酱油", "price": 1290}], "route": ["乳品", "调味"]}
    assert shop.show(screen="offer", session=own, text="放回购物车，可用此券", cmd="c1", **offer) is None
    until(lambda: page.evaluate("document.querySelector('figure img').naturalWidth > 0"), page)
    picture(page, "offer")
    page.tap("footer button[data-kind=offer]")
    until(lambda: len(shop.events()) == 3, page)
    assert shop.events()[2] == {"cart": "cart-7", "session": own, "seq": 3, "kind": "offer", "value": "come_back:s1:69"}


def test_a_second_page_of_a_screen_takes_it_over_and_the_first_leaves_it_be(shop: Shop, page: Any) -> None:
    shop.open(page)
    page.wait_for_selector("body[data-link=online]")
    other = page.context.new_page()
    shop.open(other)
    other.wait_for_selector("body[data-link=online]")
    page.wait_for_selector("body[data-link=replaced]")
    page.tap("#state")
    page.wait_for_selector("body[data-link=online]")
    other.wait_for_selector("body[data-link=replaced]")
