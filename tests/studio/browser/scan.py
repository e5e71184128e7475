"""Every page of the studio, looked at by axe-core: in each language, on a desk's screen and on a phone's.

`python -m tests.studio.browser.scan` looks at all of them in both languages and widths; the normal run (`test_scan.py`) at each page once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from storeloom.core.control.database import writing
from storeloom.core.control.models.reports import Figure
from storeloom.core.kernel.registry import ROOT
from storeloom.studio.words import word
from tests.studio.plane import CHAIN, PASSWORD, Plane
from tests.studio.serving import chromium, served

SOON_MS = 30_000
WIDTHS = {"desk": 1280, "phone": 390}
STORES = tuple(f"s{n:02}" for n in range(1, 9))
STREAMLITS_OWN = ("list", "listitem")  # the side bar's sections stand in a <div> within its <ul>
STEPS = ("estimated", "reviewed", "running", "evaluated")
SERIOUS = ("serious", "critical")
COMPOSE = ("wiring", "cost", "layers", "compare", "save", "deliver")
Do = Callable[[Any, str], None]


def chain(folder: Path) -> Plane:
    """A chain with a release that went over its stores, a figure's course, and a pilot project at each of the six steps."""
    plane = Plane(folder, STORES)
    agent = plane.agent(STORES[0])
    plane.rollout(plane.release(stores=[STORES[0]])["id"])
    for _ in range(3):
        plane.tick()
        agent.obey()
        agent.well()
    agent.figures(7)
    agent.alert()
    begins = _course(plane)
    for at in range(6):
        _pilot(plane, at, str(begins))
    return plane


def _course(plane: Plane) -> Any:
    chance, today = np.random.default_rng(5), datetime.now(UTC).date()
    begins = today - timedelta(days=35)
    facts = {"instance": "esl", "solution": "esl_price_sync", "name": "updates_sent", "unit": "count", "how": "sum", "weight": 1.0}
    with writing(plane.services.engine) as session:
        for store in STORES:
            for k in range(1, 130):
                day = today - timedelta(days=k)
                at = datetime(day.year, day.month, day.day, tzinfo=UTC)
                value = 1000 + float(chance.normal(0, 10)) + (80 if store in STORES[:2] and day >= begins else 0)
                session.add(Figure(chain=CHAIN, store=store, span="day", begins=at, day=day.isoformat(), value=value, **facts))
    return begins


def _pilot(plane: Plane, at: int, begins: str) -> None:
    """A pilot project that is at its step number `at`."""
    ask, name = plane.ask("admin"), f"pilot-{at}"
    plan = {"problem": "Labels lag.", "solutions": ["esl_price_sync"], "metric": {"solution": "esl_price_sync", "name": "updates_sent"}}
    ask.post("/pilots", {"id": name, "name": f"Labels {at}", "plan": plan})
    ends = str(datetime.now(UTC).date() - timedelta(days=1))
    choice = {"stores": list(STORES[:2]), "comparables": list(STORES[2:]), "begins": begins, "ends": ends}
    estimate = {"effect": 50, "low": 0, "high": 90, "earned": 10, "one_off": 20000, "months": 12, "stores": 10}
    if at:
        ask.put(f"/pilots/{name}", {"estimate": estimate, "choice": choice}, "1")
    for step in STEPS[:at]:
        if step == "evaluated":
            ask.post(f"/pilots/{name}/evaluation", None)
        ask.post(f"/pilots/{name}/step", {"to": step}, str(ask.get(f"/pilots/{name}").body["version"]))
    if at == 5:
        decision = {"kind": "roll_out", "reason": "It works."}
        ask.post(f"/pilots/{name}/decision", decision, str(ask.get(f"/pilots/{name}").body["version"]))


def pages(plane: Plane) -> dict[str, tuple[str, Do | None]]:
    """Every page by a name: its address, and what is done on it before it is looked at."""
    release = next(iter(plane.ask("viewer").pages("/releases")))["id"]
    rollout = next(iter(plane.ask("viewer").pages("/rollouts")))["id"]
    found: dict[str, tuple[str, Do | None]] = {
        "catalogue": ("/", None),
        "a solution": ("/?solution=smart_cart", None),
        "stores": ("/stores", None),
        "map": ("/stores?view=map", None),
        "import": ("/stores?view=import", None),
        "goals": ("/compose?goals=right_prices", None),
        "form": ("/compose", None),
        "findings": ("/compose?at=smart_cart", _wrong),
    }
    found |= {part: (f"/compose?part={part}", None) for part in COMPOSE}
    found |= {f"wizard {step}": ("/stores", _wizard(step)) for step in ("basics", "hours", "floor", "devices", "check")}
    found |= {"try": ("/try?against=change", None), "releases": ("/releases", None), "release": (f"/releases?release={release}", None)}
    found |= {"rollout": (f"/releases?rollout={rollout}", None), "chain": ("/store", None), "store": (f"/store?store={STORES[0]}", None)}
    found |= {"vendors": ("/vendors", None), "pilots": ("/pilots", None), "signin": ("/signin", None)}
    return found | {f"pilot at step {at + 1}": (f"/pilots?pilot=pilot-{at}", None) for at in range(6)}


def _wrong(page: Any, lang: str) -> None:
    """A setting beyond its range."""
    label = {"zh": "始终允许的重量差 (g)", "en": "Weight difference always allowed (g)"}[lang]
    page.get_by_label(label, exact=True).fill("5000")
    page.keyboard.press("Tab")
    page.get_by_text("SL-CFG-03").first.wait_for()


def _wizard(step: str) -> Do:
    def opened(page: Any, lang: str) -> None:
        if page.get_by_role("button", name=word("step_leave", lang)).count() == 0:
            page.get_by_role("button", name=word("store_new", lang)).click()
        name = word(f"step_{step}", lang)
        page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).first.click()
        if step == "devices":
            page.get_by_role("button", name=word("devices_usual", lang)).click()
        if step == "check":
            page.get_by_role("button", name=word("store_save", lang)).wait_for()

    return opened


def rests(page: Any) -> None:
    page.wait_for_timeout(250)
    page.wait_for_function("() => document.querySelector('[data-test-script-state]')?.dataset.testScriptState === 'notRunning'")


class Scan:
    """A person signed in, whose browser shows page after page to axe."""

    def __init__(self, browser: Any, address: str, lang: str, width: int) -> None:
        from axe_playwright_python.sync_playwright import Axe

        self.lang, self.address, self.width, self.axe = lang, address, width, Axe()
        phone = {"has_touch": True, "is_mobile": True} if width == WIDTHS["phone"] else {}
        self.page = browser.new_context(viewport={"width": width, "height": 900}, **phone).new_page()
        self.page.set_default_timeout(SOON_MS)
        self._sign_in()

    def _sign_in(self) -> None:
        self.page.goto(f"{self.address}/signin?lang={self.lang}")
        for key, value in (("chain", CHAIN), ("email", f"admin@{CHAIN}.example"), ("password", PASSWORD)):
            self.page.get_by_label(word(key, self.lang), exact=True).first.fill(value)
        self.page.keyboard.press("Enter")
        self.page.get_by_text(word("signed_in", self.lang)).first.wait_for()

    def wrong(self, path: str, do: Do | None = None) -> list[str]:
        """What is serious of a page: what axe says, a fault's trace, what stands beyond the screen's edge."""
        page = self.page
        page.goto(f"{self.address}{path}{'&' if '?' in path else '?'}lang={self.lang}")
        page.wait_for_selector("h1")
        rests(page)
        if do is not None:
            do(page, self.lang)
            rests(page)
        told = self.axe.run(page).response["violations"]
        bad = [
            f"{one['id']}: {one['nodes'][0]['html'][:300]}" for one in told if one["impact"] in SERIOUS and one["id"] not in STREAMLITS_OWN
        ]
        if page.locator("[data-testid=stException]").count():
            bad.append("a fault's trace is shown")
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        return [*bad, *([f"it is {wide} px wide"] if wide > self.width else [])]


@contextmanager
def everything(folder: Path) -> Iterator[tuple[Plane, str, Any]]:
    """A chain, the studio that is served for it, a browser."""
    (folder / "plane").mkdir()
    plane = chain(folder / "plane")
    try:
        kept = {"STORELOOM_SERVER": plane.url, "STORELOOM_DRAFTS": str(folder / "drafts")}
        with served(ROOT / "studio" / "serve.py", **kept) as address, chromium() as browser:
            yield plane, address, browser
    finally:
        plane.close()


def main() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, everything(Path(folder)) as (plane, address, browser):
        for lang in ("zh", "en"):
            for where, width in WIDTHS.items():
                scan = Scan(browser, address, lang, width)
                for name, (path, do) in pages(plane).items():
                    found = scan.wrong(path, do)
                    wrong += len(found)
                    print(f"{lang} {where} {name}: {'; '.join(found) or 'nothing serious'}", flush=True)
                scan.page.context.close()
    print(f"{wrong} serious findings")
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main())
