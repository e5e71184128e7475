"""The journal: whole steps or none, on a full disk too."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.agent.faults import NoRoom
from storeloom.core.agent.journal import Journal

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "agent.db")


def test_a_state_and_its_report_are_one_step(journal, tmp_path):
    journal.move("downloading", NOW, reason={"en": "why", "zh": "为何"})
    journal.note(starts=2)
    again = Journal(tmp_path / "agent.db")
    assert (again.standing.state, again.standing.starts, again.made) == ("downloading", 2, 0)
    (told,) = again.batch()
    assert again.made == 1
    assert told.data == {"state": "downloading", "number": 0, "reason": {"en": "why", "zh": "为何"}} and told.at == NOW


def test_on_a_full_disk_nothing_of_a_step_stands(journal, tmp_path):
    journal.move("downloading", NOW)
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(NoRoom):
        journal.move("refused", NOW, reason={"en": "x" * 100_000, "zh": ""})
    assert journal.standing.state == "downloading" and len(journal.waiting()) == 1
    assert Journal(tmp_path / "agent.db").standing.state == "downloading"
    journal._db.execute("PRAGMA max_page_count=100000")
    journal.move("refused", NOW, reason={"en": "x" * 100_000, "zh": ""})
    assert [one.data["state"] for one in journal.waiting()] == ["downloading", "refused"]


def test_a_new_journal_numbers_on_from_what_the_control_plane_has(journal):
    journal.move("downloading", NOW)
    journal.move("installing", NOW)
    assert not journal.joined
    journal.join(57)
    assert journal.joined and [one.seq for one in journal.batch()] == [58, 59]
    journal.move("checking", NOW)
    assert journal.made == 59 and [one.seq for one in journal.batch()] == [58, 59, 60]
    journal.taken(58)
    assert [one.seq for one in journal.waiting()] == [59, 60]


def test_after_another_enrolment_the_numbers_begin_anew(journal):
    journal.enrolled(NOW)
    journal.join(0)
    journal.move("downloading", NOW)
    journal.batch()
    journal.enrolled(NOW)
    assert journal.joined
    journal.enrolled(NOW + timedelta(days=1))
    assert not journal.joined
    journal.move("installing", NOW)
    journal.join(0)
    assert [one.seq for one in journal.batch()] == [1, 2]


def test_what_is_numbered_is_rolled_up_no_more(journal):
    journal.join(0)
    for _ in range(10):
        journal.report(NOW, "health", {"ok": True})
    numbered = journal.batch()
    for _ in range(600):
        journal.report(NOW, "health", {"ok": True})
    assert journal.batch(10) == numbered and len(journal.waiting(1000)) < 520
    assert [one.seq for one in journal.batch(1000)] == list(range(1, len(journal.waiting(1000)) + 1))


def test_figures_are_rolled_up_to_the_newest_of_each_day(journal):
    for number in range(250):
        row = {"instance": "cart", "name": "seen", "span": "day", "begins": "2026-03-02", "value": number}
        journal.report(NOW, "figures", {"figures": [row]})
    waiting = journal.waiting(1000)
    assert len(waiting) <= 200 and waiting[-1].data["figures"][0]["value"] == 249
    assert all(len(one.data["figures"]) == 1 for one in waiting)
