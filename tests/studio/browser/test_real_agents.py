"""A release from the studio to the stores of real agents: signed, planned, rolled out, watched live."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.faults.chain import CHAIN, EMAIL, PASSWORD, Chain3
from tests.studio.serving import CHROMIUM, chromium, served

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = [pytest.mark.long, pytest.mark.thorough, pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")]
SOON_MS = 90_000
WAY = '{"waves":[{"name":"everywhere","percent":100}],"health_s":1,"soak_s":0,"quiet_s":60,"errors":null}'


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain3]:
    made = Chain3(tmp_path_factory.mktemp("chain"))
    made.found()
    yield made
    made.end()


@pytest.fixture
def page(chain: Chain3, tmp_path: Any) -> Iterator[Any]:
    """The studio's sign-in page, in English."""
    with served(ROOT / "studio" / "serve.py", STORELOOM_SERVER=chain.url, STORELOOM_DRAFTS=str(tmp_path)) as address, chromium() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        page.set_default_timeout(SOON_MS)
        page.goto(f"{address}/releases?lang=en")
        yield page


def test_a_release_goes_to_the_stores_of_real_agents_and_their_live_state_is_shown(chain: Chain3, page: Any) -> None:
    for label, value in (("Chain", CHAIN), ("E-mail", EMAIL), ("Password", PASSWORD)):
        page.get_by_label(label, exact=True).fill(value)
    page.keyboard.press("Enter")
    page.get_by_label("Name of the release").fill("spring")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Sign and make the release").click()
    page.get_by_text("restart of 1 to 2 s (first start)").wait_for()
    page.wait_for_url(re.compile(r"release=\w+"))
    release = re.findall(r"release=(\w+)", page.url)[0]
    page.goto(f"{page.url}&way={WAY}")
    page.get_by_role("textbox", name="Wave 1").wait_for()
    page.get_by_role("button", name="Start the roll-out").click()
    page.get_by_text("3 of 3 stores done").wait_for()
    page.get_by_text(f"by {EMAIL}").wait_for()
    assert {chain.agent(store)["actual"] for store in ("s1", "s2", "s3")} == {release}

    page.goto(re.sub(r"/releases\?.*", "/store?lang=en&store=s2", page.url))
    page.get_by_text("runs well").wait_for()
    page.get_by_text("Devices online").wait_for()
    page.reload()
    page.get_by_text("runs well").wait_for()
