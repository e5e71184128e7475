"""The whole way of a bundle in a real browser, by what a reader sees: from an empty chain to two running stores and a judged pilot.

`python -m tests.studio.browser.journey [zh|en ...]` walks it in both languages and prints how long each page change took; where
`STORELOOM_SCREENSHOTS` names a folder, a picture of each step is put there. The normal run walks it in Chinese (`test_journey.py`).
"""

from __future__ import annotations

import io
import os
import re
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.goals import read_goals
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.kernel.sources import STORE
from storeloom.studio.stores.sheet import COLUMNS
from storeloom.studio.stores.workbook import workbook
from storeloom.studio.words import word
from tests.faults.chain import CHAIN, EMAIL, PASSWORD, Chain3, Site
from tests.studio.serving import chromium, served

SHOTS = "STORELOOM_SCREENSHOTS"
SOON_MS = 60_000
CHANGE_S = 5.0  # what a page change may never take, on however busy a machine
OURS = ("store-001", "store-002")
LIKE = tuple(f"cn-hz-{n:03d}" for n in range(1, 9))
DAYS = 130
NAMES = {  # two stores, a pilot project, its problem, why it goes on
    "zh": ("西湖店", "滨江店", "价签准时", "改价后价签更新不及时。", "效果显著。"),
    "en": ("West Lake", "Riverside", "Labels on time", "Labels lag behind price changes.", "The effect is clear."),
}
METRIC = ("esl_price_sync", "updates_sent")

CHANGED = """([path, title]) => new Promise(done => {
    const began = performance.now(), shown = () => document.querySelector('h1')?.innerText.trim();
    const state = () => document.querySelector('[data-test-script-state]')?.dataset.testScriptState;
    [...document.querySelectorAll('[data-testid=stSidebarNavLink]')].find(one => new URL(one.href).pathname === path).click();
    const look = () => shown() === title && state() === 'notRunning' ? done(performance.now() - began) : requestAnimationFrame(look);
    requestAnimationFrame(() => requestAnimationFrame(look));
})"""


class Headquarters(Chain3):
    """A chain that nobody has designed anything for yet: its server runs, its stores are founded by the reader."""

    def found(self) -> None:
        self.call("server", "init", "--folder", self.control, "--chain", CHAIN, "--email", EMAIL)
        self.call("trust", "init", "--folder", self.control, "--chain", CHAIN, "--alone", self.folder / "keys", "--bits", "2")
        self.start_server()
        self.wait_for_server()
        self.login("ops", EMAIL)
        for site in self.sites.values():
            site.line.close()
        self.sites = {}

    def machine(self, store: str) -> Site:
        """The machine of a store, as its integrator finds it."""
        found = self.sites[store] = Site(store, self.folder / store, self.port)
        return found

    def weeks_pass(self, tried: tuple[str, ...], begins: date) -> None:
        """Some months of a figure in every store, better in those that are tried from a day on."""
        import numpy as np

        from storeloom.core.control.database import connect, writing
        from storeloom.core.control.models.reports import Figure

        chance, today = np.random.default_rng(5), datetime.now(UTC).date()
        course = np.cumsum(chance.normal(0, 3, DAYS))
        facts = {"instance": METRIC[0], "solution": METRIC[0], "name": METRIC[1], "unit": "count", "how": "sum", "weight": 1.0}
        engine = connect(f"sqlite:///{self.control / 'control.db'}")
        with writing(engine) as session:
            for store in (*OURS, *LIKE):
                level = 1000 + 100 * chance.random()
                for k in range(DAYS):
                    day = today - timedelta(days=DAYS - k)
                    value = level + 30 * (k % 7) + course[k] + chance.normal(0, 10) + (80 if store in tried and day >= begins else 0)
                    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
                    session.add(Figure(chain=CHAIN, store=store, span="day", begins=at, day=day.isoformat(), value=float(value), **facts))
        engine.dispose()


class Journey:
    """One reader's way through the studio, in a language. `changes` are the times of page changes, in seconds."""

    def __init__(self, page: Any, address: str, lang: str, chain: Headquarters, folder: Path) -> None:
        self.page, self.address, self.lang, self.chain, self.folder = page, address, lang, chain, folder
        self.say = partial(self._say, lang)
        self.solutions = Registry().catalogue.solutions
        self.changes: dict[str, list[float]] = {}
        self.shot_number = 0

    @staticmethod
    def _say(lang: str, key: str, /, **values: object) -> str:
        return word(key, lang, **values)

    def walk(self) -> None:
        for step in (
            self.signs_in,
            self.imports_stores,
            self.founds_stores,
            self.composes,
            self.mends,
            self.tries,
            self.hands_over,
            self.connects_machines,
            self.releases,
            self.rolls_out,
            self.sees_a_store,
            self.registers_a_pilot,
            self.reviews_the_pilot,
            self.judges_the_pilot,
        ):
            began = time.perf_counter()
            step()
            print(f"{self.lang} {step.__name__:20} {time.perf_counter() - began:5.1f} s", flush=True)

    # how a reader does things

    def button(self, key: str, **values: object) -> Any:
        return self.page.get_by_role("button", name=self.say(key, **values)).first

    def press(self, key: str, **values: object) -> None:
        self.button(key, **values).click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def field(self, label: str) -> Any:
        return self.page.get_by_label(label, exact=True).first

    def fills(self, label: str, value: str) -> None:
        one = self.field(label)
        one.fill(value)
        one.press("Tab")
        self.rests()

    def chooses(self, label: str | re.Pattern[str], option: str) -> None:
        """An option of a choice, found by typing."""
        self.page.get_by_role("combobox", name=label).locator("visible=true").first.click()
        self.page.keyboard.type(option)
        self.page.get_by_role("option", name=option).first.click()
        self.rests()

    def part(self, key: str) -> None:
        """A segment of a row of segments."""
        name = self.say(key)
        self.page.get_by_role("radio", name=name).or_(self.page.get_by_role("button", name=name, exact=True)).first.click()
        self.rests()

    def rests(self) -> None:
        """The page has told all that it has to tell."""
        self.page.wait_for_timeout(100)
        self.page.wait_for_function("() => document.querySelector('[data-test-script-state]')?.dataset.testScriptState === 'notRunning'")

    def goes_to(self, name: str, title: str = "") -> None:
        """Another page by the side bar; how long that took is kept."""
        self.rests()
        took = self.page.evaluate(CHANGED, [f"/{'' if name == 'catalogue' else name}", title or self.say(name)])
        self.changes.setdefault(name, []).append(took / 1000)
        assert took < CHANGE_S * 1000, f"{name} took {took:.0f} ms"

    def picture(self, name: str, top: bool = True) -> None:
        self.shot_number += 1
        if os.environ.get(SHOTS):
            self.rests()
            self.page.wait_for_timeout(400)
            if top:
                self.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
            _small(self.page.screenshot()).save(
                Path(os.environ[SHOTS]) / f"journey-{self.shot_number:02d}-{name}-{self.lang}.png", optimize=True
            )

    def title(self, solution: str) -> str:
        return str(self.solutions[solution][self.lang])

    # the steps

    def signs_in(self) -> None:
        self.page.goto(f"{self.address}/signin?lang={self.lang}")
        for key, value in (("chain", CHAIN), ("email", EMAIL), ("password", PASSWORD)):
            self.field(self.say(key)).fill(value)
        self.picture("signin")
        self.page.keyboard.press("Enter")
        self.sees(self.say("signed_in"))
        self.goes_to("catalogue")
        self.picture("catalogue")

    def imports_stores(self) -> None:
        """Eight stores from a table."""
        self.goes_to("stores")
        self.part("stores_import")
        self.page.locator("input[type=file]").first.set_input_files(self._table())
        self.sees(self.say("import_counts", n=len(LIKE), right=len(LIKE), wrong=0))
        self.picture("import")
        self.press("import_button", n=len(LIKE))
        self.sees(self.say("import_done", n=len(LIKE)))
        self.part("stores_list")

    def _table(self) -> Path:
        file = self.folder / "stores.xlsx"
        heads = [COLUMNS[name][self.lang == "zh"] for name in ("store", "name", "format", "zone", "currency", "open", "close", "devices")]
        rows = [heads, *([name, name.upper(), "supermarket", "Asia/Shanghai", "CNY", "08:00", "22:00", "pos 4"] for name in LIKE)]
        file.write_bytes(workbook(rows))
        return file

    def founds_stores(self) -> None:
        """Two stores by the wizard: their names, a zone of the floor, devices, one of them with its driver."""
        for number, store in enumerate(OURS):
            if number:
                self.goes_to("stores", NAMES[self.lang][0])
                self.press("step_leave")
            self.press("store_new")
            self.fills(self._basic("name"), NAMES[self.lang][number])
            self.page.get_by_role("heading", name=NAMES[self.lang][number]).wait_for()
            if not number:
                self.picture("wizard-store")
            if not number:
                self.part("step_hours")
                self.part("step_floor")
                self._draws_a_zone()
                self.picture("wizard-floor", top=False)
            self.part("step_devices")
            self.press("devices_usual")
            self.rests()
            if not number:
                self._connects_a_till(store)
            self.part("step_check")
            self.sees(self.say("check_right"))
            self.press("store_save")
            self.sees(self.say("store_saved", store=store))
        self.picture("wizard-saved")
        self.press("store_use")
        self.sees(self.say("store_used", store=OURS[1]))
        self.press("store_on")
        self.page.get_by_role("heading", name=NAMES[self.lang][1]).wait_for()
        self.picture("compose-begin")

    def _basic(self, key: str) -> str:
        facts = schemas.load(STORE)["properties"][key]
        return str(facts["x-zh" if self.lang == "zh" else "title"])

    def _draws_a_zone(self) -> None:
        self.page.wait_for_selector(".stage svg[role=group]")
        self.page.click('[data-act="draw"]')
        self.page.locator(".stage").evaluate("one => one.scrollIntoView({block: 'center'})")
        self.page.wait_for_timeout(300)
        area = self.page.locator(".stage").bounding_box()
        for x, y in ((0.2, 0.2), (0.7, 0.2), (0.7, 0.6), (0.2, 0.6), (0.2, 0.2)):
            self.page.mouse.click(area["x"] + x * area["width"], area["y"] + y * area["height"])
        self.button("floor_download").wait_for()

    def _connects_a_till(self, store: str) -> None:
        self.chooses(re.compile("^" + re.escape(self.say("device_one", n="N")).replace("N", r"\d+")), "till-1 (")
        driver = Registry().catalogue.adapters["file_drop"]
        self.chooses(self.say("discover_driver"), str(driver[self.lang]))
        self.chooses(self.say("part"), "2/2")
        self.picture("wizard-devices")
        till = self.folder / store / "till"
        till.mkdir(parents=True)
        facts = schemas.load(driver.schema_file)["properties"]["address"]
        self.fills(str(facts["x-zh" if self.lang == "zh" else "title"]), str(till))

    def composes(self) -> None:
        """From a goal; one solution that is recommended is left out, another is added."""
        self.page.get_by_role("button", name=getattr(read_goals()["right_prices"], self.lang)).click()
        self.sees(self.title("price_tag_check"))
        self.rests()
        self.page.get_by_text(self.title("price_tag_check"), exact=True).first.click()
        self.rests()
        self.picture("compose-goals", top=False)
        self.press("begin_with", n=2)
        self.sees(self.say("in_this_bundle", n=2))
        self.chooses(self.say("add"), self.title("smart_cart"))
        self.page.get_by_role("button", name=self.say("add_button")).locator("visible=true").last.click()
        self.page.get_by_role("heading", name=self.title("smart_cart")).wait_for()

    def mends(self) -> None:
        """What is found beside a setting is mended by its one-click fix."""
        facts = schemas.load(self.solutions["smart_cart"].schema_file)["properties"]["tolerance_g"]
        label = f"{facts['x-zh' if self.lang == 'zh' else 'title']} ({facts['x-unit']})"
        self.fills(label, "5000")
        self.sees("SL-CFG-03")
        self.picture("compose-finding", top=False)
        self.press("apply_fix")
        self.page.get_by_text("SL-CFG-03").first.wait_for(state="hidden")
        self.sees(self.say("fits"))
        for part in ("wiring", "cost"):
            self.part(part)
            self.picture(f"compose-{part}")

    def tries(self) -> None:
        """A virtual day, with a tenth of the usual shoppers."""
        self.goes_to("try")
        self.fills(self.say("scale"), "0.1")
        self.press("run")
        self.sees(re.compile(re.escape(self.say("done", facts="N", s="N", x="N")).replace("N", "[0-9.,]+")))
        self.picture("try")
        self.part("part_timelines")
        self.page.wait_for_selector("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")
        self.picture("try-timelines", top=False)

    def hands_over(self) -> None:
        """To the chain, as a template of both stores."""
        self.goes_to("compose", self.say("new_name"))
        self.part("deliver")
        self.fills(self.say("deliver_id"), "right-prices")
        self.chooses(self.say("deliver_stores"), OURS[0])
        self.page.keyboard.press("Escape")
        self.rests()
        self.press("deliver_button")
        self.sees(re.compile(re.escape(self.say("deliver_done", template="right-prices", n=1, stores=""))[:20]))
        self.picture("deliver")

    def connects_machines(self) -> None:
        """Each store's machine gets its agent by the line that the page shows."""
        self.goes_to("store")
        for store in OURS:
            self.chooses(self.say("the_store"), f"({store})")
            self.sees(self.say("make_code")) if self.button("make_code").is_visible() else self._opens("agent_head")
            self.press("make_code")
            line = self.page.locator("[data-testid=stCode]").filter(has_text=re.compile("agent enrol")).inner_text()
            if store == OURS[0]:
                self.picture("enrolment")
            words = shlex.split(line)
            machine = self.chain.machine(store)
            words[words.index("--home") + 1] = str(machine.home.folder)
            self.chain.call(*words[1:])
            machine.start(quick=True)

    def _opens(self, key: str) -> None:
        self.page.get_by_text(self.say(key), exact=True).first.click()
        self.rests()

    def releases(self) -> None:
        """Both stores composed once more, the release signed."""
        self.goes_to("releases")
        self.press("check_stores")
        self.sees(self.say("checked_stores", clean=2, n=2))
        self.fills(self.say("release_name"), "2026-03")
        self.picture("release-new")
        self.press("make_release")
        self.page.wait_for_url(re.compile(r"release=\w+"))
        self.sees(self.say("plan_head"))
        self.picture("release-plan")

    def rolls_out(self) -> None:
        """All at once, watched for a second."""
        self.press("way_once")
        self.page.get_by_role("textbox", name=self.say("wave_name", n=1)).wait_for()
        self.rests()
        self._opens("watching_head")
        for key in ("health_min", "soak_min"):
            self.fills(self.say(key), "0")
        self._opens("gates_head")
        self.page.get_by_text(self.say("gate_on"), exact=True).nth(1).click()
        self.rests()
        self.picture("rollout-way", top=False)
        self.press("start_rollout")
        self.sees(self.say("done_of", done=2, total=2))
        self.sees(self.say("state_done"))
        self.picture("rollout-done")
        states = {store: self.chain.agent(store)["state"] for store in OURS}
        assert set(states.values()) == {"good"}, states
        assert all(self.chain.sites[store].look() is not None for store in OURS), "both stores run"

    def sees_a_store(self) -> None:
        """What a store tells of itself, a moment ago; sales at its till become figures of its page."""
        self.goes_to("store")
        self.picture("chain")
        self.chooses(self.say("the_store"), f"({OURS[0]})")
        self.sees(self.say("agent_good"))
        self.sees(self.say("devices_online"))
        self.picture("store")
        self.page.reload()
        self.sees(self.say("agent_good"))

    def registers_a_pilot(self) -> None:
        self.goes_to("pilots")
        self._opens("pilot_new")
        self.fills(self.say("pilot_id"), "labels")
        self.fills(self.say("pilot_name"), NAMES[self.lang][2])
        self.fills(self.say("pilot_problem"), NAMES[self.lang][3])
        self.chooses(self.say("pilot_solutions"), self.title(METRIC[0]))
        self.page.keyboard.press("Escape")
        kpi = self.solutions[METRIC[0]]["kpis"][METRIC[1]][self.lang]
        self.chooses(self.say("pilot_metric"), f"{self.title(METRIC[0])}: {kpi}")
        self.picture("pilot-register")
        self.press("pilot_register")
        self.page.get_by_role("heading", name=NAMES[self.lang][2]).wait_for()
        figures = {"pilot_effect": 50, "pilot_low": 0, "pilot_high": 90, "pilot_earned": 10, "pilot_one_off": 20000}
        for key, value in {**figures, "pilot_months": 12, "pilot_all_stores": 10}.items():
            self.field(self.say(key)).fill(str(value))
        self.field(self.say("pilot_all_stores")).press("Tab")
        self.press("pilot_save")
        self.sees(self.say("pilot_roi"))
        self.picture("pilot-estimate")
        self.press("pilot_to_estimated")

    def reviews_the_pilot(self) -> None:
        today = datetime.now(UTC).date()
        begins, ends = today - timedelta(days=35), today - timedelta(days=1)
        self.chain.weeks_pass(OURS, begins)
        self.button("pilot_find").wait_for()
        for key, day in (("pilot_begins", begins), ("pilot_ends", ends)):
            self.dates(self.say(key), day)
        for store in OURS:
            self.chooses(self.say("pilot_stores"), f"({store})")
        self.page.keyboard.press("Escape")
        self.press("pilot_find")
        self.sees(self.say("pilot_find_note", weeks=12))
        self.picture("pilot-review")
        self.press("pilot_save")
        self.rests()
        self.press("pilot_to_reviewed")
        self.press("pilot_to_running")
        self.button("pilot_evaluate").wait_for()

    def dates(self, label: str, day: date) -> None:
        """A day typed into its field."""
        field = self.page.get_by_test_id("stDateInput").filter(has_text=label).first
        field.get_by_role("spinbutton").first.click()
        self.page.keyboard.type(day.strftime("%Y%m%d"))
        self.page.keyboard.press("Tab")
        self.rests()

    def judges_the_pilot(self) -> None:
        self.press("pilot_evaluate")
        self.sees(self.say("pilot_checks"))
        self.picture("pilot-result")
        self.rests()
        with self.page.expect_download() as coming:
            self.press("pilot_report")
        report = Path(coming.value.path()).read_text(encoding="utf-8")
        assert NAMES[self.lang][2] in report and "<svg" in report
        self.press("pilot_to_evaluated")
        self.page.get_by_label(self.say("pilot_reason")).fill(NAMES[self.lang][4])
        self.press("pilot_take")
        self.sees(NAMES[self.lang][4])
        self.picture("pilot-decided")


def _small(picture: bytes) -> Any:
    """A picture with as many colours as a page has."""
    from PIL import Image

    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(128, dither=Image.Dither.NONE)


@contextmanager
def journey(lang: str, folder: Path) -> Iterator[Journey]:
    """A reader before the sign-in page of a chain that is empty."""
    chain = Headquarters(folder / "chain")
    try:
        chain.found()
        kept = {"STORELOOM_SERVER": chain.url, "STORELOOM_DRAFTS": str(folder / "drafts")}
        with served(ROOT / "studio" / "serve.py", **kept) as address, chromium() as browser:
            page = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()
            page.set_default_timeout(SOON_MS)
            found = Journey(page, address, lang, chain, folder)
            try:
                yield found
            except BaseException:
                page.screenshot(path=str(folder / "where.png"), full_page=True)
                print(f"{page.url}\n{page.inner_text('body')[-3000:]}", file=sys.stderr)
                raise
    finally:
        chain.end()


def main() -> int:
    for lang in sys.argv[1:] or ("zh", "en"):
        with tempfile.TemporaryDirectory() as folder, journey(lang, Path(folder)) as one:
            one.walk()
            times = [took for found in one.changes.values() for took in found]
            slowest = max(one.changes, key=lambda name: max(one.changes[name]))
            print(f"{lang}: {len(times)} page changes, median {statistics.median(times):.2f} s, slowest {max(times):.2f} s ({slowest})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
