"""The reader's drafts: known again by person and browser, listed with their age, opened, deleted; nobody else's among them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra studio is absent")
from storeloom.studio.composing import drafts as page_drafts
from storeloom.studio.draft_file import DraftFile
from storeloom.studio.words import word
from tests.studio.pages import draft, opened, run, texts

ME, YOU = "a" * 43, "b" * 43


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Whose browser it is; AppTest has none of its own."""
    who = {"name": ME}
    monkeypatch.setattr(page_drafts, "browser_of", lambda cookies: who["name"])
    return who


def kept(name: str, owner: str | None = None) -> DraftFile:
    """A draft, of the reader by itself."""
    home = DraftFile.new()
    home.add(Path("bundle.toml"), {"document": "bundle/1", "name": name, "solutions": {}}, "did_begin", {}, over=None)
    home.put_beside(page_drafts.OWNER, [owner] if owner else sorted(page_drafts.owners()))
    return home


def listing(lang: str = "en") -> Any:
    app = opened("views/compose.py", lang, "attendance_hours")
    app.session_state["start/open"], app.session_state["start/way"] = True, "drafts"
    return run(app)


def test_ones_own_drafts_are_listed_and_nobody_elses(browser: dict[str, str]) -> None:
    mine, yours = kept("Mine"), kept("Yours", owner="0" * 64)
    said = texts(listing())
    assert "Mine" in said and "1 states, last edited" in said and "Yours" not in said
    assert mine.kept and yours.kept


def test_a_draft_is_opened(browser: dict[str, str]) -> None:
    home = kept("Mine")
    app = listing()
    app.button(key=f"drafts/open/{home.id}").click()
    run(app)
    assert (draft(app).home, draft(app).data["name"]) == (home, "Mine")


def test_a_draft_is_deleted_for_good_and_only_by_its_owner(browser: dict[str, str]) -> None:
    home = kept("Mine")
    app = listing()
    browser["name"] = YOU
    app.button(key=f"drafts/delete/{home.id}").click()
    run(app)
    assert home.kept
    browser["name"] = ME
    app = listing()
    app.button(key=f"drafts/delete/{home.id}").click()
    assert "Mine" not in texts(run(app)) and not home.kept


def test_the_age_is_that_of_the_last_edit(browser: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept("Old")

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(UTC) + timedelta(days=40)

    monkeypatch.setattr(page_drafts, "datetime", Later)
    assert "40 天前编辑" in texts(listing("zh"))


def test_a_draft_is_claimed_once_and_stays_its_owners(browser: dict[str, str]) -> None:
    home = DraftFile.new()
    home.add(Path("bundle.toml"), {"name": "B"}, "did_begin", {}, over=None)
    page_drafts.st.session_state.pop(page_drafts.CLAIMED, None)
    page_drafts.claim(home)
    first = home.beside(page_drafts.OWNER)
    browser["name"] = YOU
    page_drafts.st.session_state.pop(page_drafts.CLAIMED, None)
    page_drafts.claim(home)
    assert first and home.beside(page_drafts.OWNER) == first


def test_without_person_and_cookie_the_page_says_so(browser: dict[str, str]) -> None:
    browser["name"] = ""
    assert word("drafts_unknown", "en") in texts(listing())
