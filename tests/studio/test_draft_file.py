"""A draft on disk: its states are a tree, nothing is lost, only who knows its id has it."""

import os
import stat
from pathlib import Path
from threading import Thread

import pytest

from storeloom.core.kernel.errors import InputFault
from storeloom.studio.draft import kept_draft, new_draft
from storeloom.studio.draft_file import DraftFile, drafts_folder

HERE = Path("bundle.toml")


def kept(*names: str) -> DraftFile:
    home = DraftFile.new()
    at = None
    for name in names:
        at = home.add(HERE, {"name": name}, "did_rename", {"name": name}, over=at)
    return home


def test_states_are_read_back_and_told() -> None:
    home = kept("a", "乙")
    assert home.read(2) == (HERE, {"name": "乙"}) and home.head() == 2
    assert [(step.n, step.parent, step.word, step.facts) for step in home.steps()] == [
        (2, 1, "did_rename", {"name": "乙"}),
        (1, None, "did_rename", {"name": "a"}),
    ]
    with pytest.raises(KeyError):
        home.read(3)


def test_an_edit_after_an_undo_begins_a_branch_and_loses_nothing() -> None:
    home = kept("a", "b", "c")
    assert home.ways() == (2, None)
    home.go(1)
    assert home.ways() == (None, 2)
    n = home.add(HERE, {"name": "d"}, "did_rename", {}, over=1)
    assert home.ways() == (1, None) and n == 4
    home.go(1)
    assert home.ways() == (None, 4)
    assert [home.read(one)[1]["name"] for one in (1, 2, 3, 4)] == ["a", "b", "c", "d"]


def test_only_an_id_that_was_given_finds_a_draft() -> None:
    home = kept("a")
    assert DraftFile.known(home.id) == home
    for name in ("", "x", home.id[:-1], f"../{home.id}", f"{home.id}/", "A" * 32):
        assert DraftFile.known(name) is None
    assert len({DraftFile.new().id for _ in range(100)}) == 100


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_others_on_the_machine_cannot_read_it() -> None:
    home = kept("a")
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600 and stat.S_IMODE(drafts_folder().stat().st_mode) == 0o700


def test_edits_in_two_windows_at_once_are_all_kept() -> None:
    home = kept("a")

    def write(name: str) -> None:
        for n in range(20):
            home.add(HERE, {"name": f"{name}{n}"}, "did_rename", {}, over=1)

    threads = [Thread(target=write, args=(name,)) for name in "xy"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    names = {home.read(step.n)[1]["name"] for step in home.steps()}
    assert names == {"a", *(f"{name}{n}" for name in "xy" for n in range(20))}


def test_a_file_that_is_no_draft_is_told() -> None:
    home = kept("a")
    home.file.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputFault) as fault:
        home.head()
    assert fault.value.findings[0].code == "SL-INP-01" and "drafts folder" in fault.value.findings[0].fix("en")


def test_a_first_edit_keeps_what_was_before_it_too() -> None:
    bundle = new_draft("B", "convenience", None)
    bundle.home = DraftFile.new()
    assert not bundle.home.kept
    bundle.rename("C")
    assert [step.word for step in bundle.home.steps()] == ["did_rename", "did_open"]
    bundle.go(1)
    assert bundle.data["name"] == "B" and kept_draft(bundle.home).data == bundle.data


def test_what_is_kept_beside_a_draft_outlives_it() -> None:
    bundle = new_draft("B", "convenience", None)
    bundle.home = DraftFile.new()
    assert bundle.home.beside("prices") is None
    bundle.put_beside("prices", [{"kind": "pos"}])
    again = kept_draft(bundle.home)
    assert again.home is not None and again.home.beside("prices") == [{"kind": "pos"}] and again.data["name"] == "B"
