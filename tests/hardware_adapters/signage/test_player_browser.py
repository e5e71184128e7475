"""The player page in a real browser: on the network, without it, opened anew without it, and back; nothing lost, nothing twice."""

import io
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.wire_twin import Wire, held_port
from storeloom.hardware_adapters.signage.http_signage import HttpSignage

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is absent")
image = pytest.importorskip("PIL.Image", reason="pillow is absent")
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
SOON_S = 20.0
TOKEN = "page-token-0001"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    image.new("RGB", (64, 36), colour).save(out, "PNG")
    return out.getvalue()


class Shop:
    """A driver at work behind a wire; `start` again after `stop` is a restart of the store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, held_port()
        self.port = self.held.getsockname()[1]
        self.wire = Wire(self.port)
        self.facts: list[Any] = []
        self.start()

    def start(self) -> None:
        config = HttpSignage.Config(listen=f"127.0.0.1:{self.port}", folder=str(self.folder), token="t", poll_s=0.2, silence_s=2)
        driver = HttpSignage("hall", config)
        driver.context = AdapterContext(secrets={"t": TOKEN})
        self.rig = Rig(driver)

    def stop(self) -> None:
        assert self.rig.close(5.0)
        self.facts += self.rig.facts

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.wire.port}/hall/"

    def play(self, cmd: str, *items: dict[str, Any], **more: Any) -> None:
        assert self.rig.send("sign.play", {"screen": "hall", "items": list(items), "cmd": cmd, **more}, 5.0) is None

    def played(self) -> list[Any]:
        return [one for one in [*self.facts, *self.rig.facts] if one.stream == "sign.played"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "milk.png").write_bytes(picture("#ffffff"))
    (tmp_path / "plum.png").write_bytes(picture("#663399"))
    one = Shop(tmp_path)
    yield one
    one.stop()
    one.wire.close()
    one.held.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 640, "height": 360})
    one = context.new_page()
    one.set_default_timeout(SOON_S * 1000)
    yield one
    context.close()


def until(look: Callable[[], bool], page: Any) -> None:
    end = time.monotonic() + SOON_S
    while not look():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def item(asset: str, seconds: float = 0.3, **more: Any) -> dict[str, Any]:
    return {"asset": asset, "duration_s": seconds, **more}


def test_it_plays_on_without_the_network_and_reports_each_showing_once(shop: Shop, page: Any) -> None:
    shop.play("loop", item("milk", campaign="dairy"), item("plum"), item("hello", text="欢迎光临"))
    page.goto(f"{shop.address}#token={TOKEN}")
    for asset in ("milk", "plum", "hello"):
        page.wait_for_selector(f"#stage[data-asset={asset}]")
    assert "token" not in page.url
    page.wait_for_selector("#stage[data-asset=milk] img")
    assert page.evaluate("document.querySelector('#stage img').naturalWidth") == 64
    page.wait_for_selector("#stage[data-asset=hello] p")
    assert page.inner_text("#stage p") == "欢迎光临"
    until(lambda: len(shop.played()) >= 3, page)
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    until(lambda: shop.rig.state() == "online", page)

    shop.wire.play("refuse")
    until(lambda: shop.rig.state() == "offline", page)
    before = len(shop.played())
    page.reload()
    for asset in ("milk", "plum", "hello"):
        page.wait_for_selector(f"#stage[data-asset={asset}]")
    assert len(shop.played()) == before
    shop.stop()

    shop.start()
    shop.wire.play("")
    until(lambda: len(shop.played()) >= before + 3, page)
    until(lambda: shop.rig.state() == "online", page)
    assert page.locator("#stage[data-entry=loop]").count() == 1, "the schedule outlasts the store's restart"

    told = {(fact.time, fact.key): fact for fact in shop.played()}
    numbers = sorted(int(str(key).partition("|")[2]) for _, key in told)
    assert numbers == list(range(1, len(numbers) + 1)), "no number is missing"
    assert len({str(key).partition("|")[0] for _, key in told}) == 1
    whole = [fact.data for fact in told.values() if fact.data["complete"]]
    assert {one["asset"] for one in whole} == {"milk", "plum", "hello"}
    assert all(abs(one["duration_s"] - 0.3) < 1e-6 and one["cmd"] == "loop" and one["screen"] == "hall" for one in whole)
    assert {one.get("campaign") for one in whole if one["asset"] == "milk"} == {"dairy"}


def test_the_higher_priority_cuts_in_at_once_and_what_it_cut_off_is_told_incomplete(shop: Shop, page: Any) -> None:
    shop.play("base", item("milk", 60.0))
    page.goto(f"{shop.address}#token={TOKEN}")
    page.wait_for_selector("#stage[data-asset=milk]")
    shop.play("urgent", item("fire", 0.4, text="请有序离场"), priority=9)
    page.wait_for_selector("#stage[data-asset=fire]")
    until(lambda: Counter(fact.data["asset"] for fact in shop.played())["fire"] >= 1, page)
    cut = next(fact.data for fact in shop.played() if fact.data["asset"] == "milk")
    assert cut["complete"] is False and cut["duration_s"] < 60


def test_without_the_token_it_gets_nothing(shop: Shop, page: Any) -> None:
    shop.play("base", item("milk"))
    with page.expect_response(lambda answer: "schedule" in answer.url) as answer:
        page.goto(shop.address)
    assert answer.value.status == 401
    page.wait_for_selector("#stage p.waiting", state="attached")


def test_a_file_that_is_no_picture_is_passed_over_and_told(shop: Shop, page: Any) -> None:
    (shop.folder / "broken.png").write_bytes(b"no picture")
    shop.play("loop", item("broken"), item("milk"))
    page.goto(f"{shop.address}#token={TOKEN}")
    page.wait_for_selector("#stage[data-asset=milk]")
    until(lambda: shop.rig.state() == "degraded", page)
    status = [fact.data for fact in shop.rig.facts if fact.stream == "device.status"][-1]
    assert (status["code"], status["text"]) == ("not_shown", "not shown: broken")
    assert all(fact.data["asset"] == "milk" for fact in shop.played())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is absent")
def test_a_film_plays_from_what_is_kept(shop: Shop, page: Any) -> None:
    film = ["-f", "lavfi", "-i", "testsrc=size=64x36:rate=5:duration=1", "-c:v", "libvpx", "-threads", "1", str(shop.folder / "film.webm")]
    subprocess.run([shutil.which("ffmpeg") or "ffmpeg", "-loglevel", "error", *film], check=True)
    shop.play("loop", item("film", 1.0))
    page.goto(f"{shop.address}#token={TOKEN}")
    page.wait_for_selector("#stage[data-asset=film] video")
    shop.wire.play("refuse")
    page.reload()
    page.wait_for_selector("#stage[data-asset=film] video")
    assert page.evaluate("document.querySelector('#stage video').videoWidth") == 64
    shop.wire.play("")
    until(lambda: any(fact.data["complete"] for fact in shop.played()), page)
