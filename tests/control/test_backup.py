"""A control plane copied while it works, and put back elsewhere: nothing in the database points to what the copy lacks."""

from __future__ import annotations

import threading

import pytest
from sqlmodel import select

from storeloom.core import cli
from storeloom.core.control import audit, migrate
from storeloom.core.control.agents.reports import take
from storeloom.core.control.backup import BEYOND, LIST, back_up, read_backup, restore
from storeloom.core.control.database import connect, reading, writing
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.trust.repository import Repository
from storeloom.core.kernel.errors import ControlFault
from storeloom.core.trust.wire import Report, Reports
from tests.control.conftest import T0
from tests.control.trust.founded import Founded

BUNDLE = {"stores/s-1/1.json": b'{"a": 1}'}


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def texts(caught):
    return [finding.text("en") for finding in caught.value.findings]


def test_what_was_copied_while_it_worked_runs_elsewhere(plane, tmp_path):
    if plane.services.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL is copied by its own tools")
    founded = Founded(plane, tmp_path / "offline")
    founded.repository.publish(BUNDLE)
    (plane.services.folder / "files").mkdir()
    (plane.services.folder / "files" / "abc").write_bytes(b"plan")
    (plane.services.folder / "catalogue" / "1" / "abc").mkdir(parents=True)
    (plane.services.folder / "catalogue" / "1" / "abc" / "plugins.toml").write_text("")
    stop = threading.Event()

    def work():
        for number in range(10_000):
            if stop.is_set():
                return
            with writing(plane.services.engine) as session:
                session.get(Store, ("north", "s-1")).name = f"name {number}"
                audit.note(session, "north", T0, "tester", "store.rename", "s-1")
            founded.repository.publish({f"stores/s-1/{number + 2}.json": b"{}"})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        made = back_up(plane.services.engine, plane.services.folder, tmp_path / "copy", T0)
    finally:
        stop.set()
        worker.join()
    assert not made.keys and not any("keys" in name or "catalogue" in name for name in made.files)
    assert restore(tmp_path / "copy", tmp_path / "new") == made == read_backup(tmp_path / "copy")
    engine = connect(f"sqlite:///{tmp_path / 'new' / 'control.db'}")
    with reading(engine) as session:
        assert {store.id for store in session.exec(select(Store))} == {"s-1"}
        assert audit.verify(session, "north").faults == ()
    engine.dispose()
    repository = Repository(tmp_path / "new" / "trust" / "north", "north", lambda: T0)
    assert "stores/s-1/1.json" in repository.bundles(1)
    assert (tmp_path / "new" / "files" / "abc").read_bytes() == b"plan"
    assert oct((tmp_path / "copy" / LIST).stat().st_mode)[-3:] == "600"


def test_a_restored_plane_numbers_what_it_wants_beyond_all_that_stores_have_heard(plane, tmp_path):
    if plane.services.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL is copied by its own tools")
    with writing(plane.services.engine) as session:
        session.add(Agent(chain="north", store="s-1", public_key=b"k", enrolled=T0, desired_number=7, reported_seq=20))
    back_up(plane.services.engine, plane.services.folder, tmp_path / "copy", T0)
    restore(tmp_path / "copy", tmp_path / "new")
    engine = connect(f"sqlite:///{tmp_path / 'new' / 'control.db'}")
    with reading(engine) as session:
        (agent,) = session.exec(select(Agent))
        assert agent.desired_number == 7 + BEYOND
    with writing(engine) as session:
        for seqs, taken in (((41, 42), 42), ((42, 44), 42), ((43,), 44)):
            said = [Report(seq=seq, at=T0, kind="state", data={"state": "good"}) for seq in seqs]
            assert take(session, "north", "s-1", Reports(reports=said, state="good"), T0) == taken, "what was told since is not waited for"
    engine.dispose()
    assert read_backup(tmp_path / "copy"), "the copy stays as it was"


def test_with_the_keys_the_restored_server_signs_on(plane, tmp_path):
    Founded(plane, tmp_path / "offline").repository.publish(BUNDLE)
    back_up(plane.services.engine, plane.services.folder, tmp_path / "copy", T0, keys=True)
    restore(tmp_path / "copy", tmp_path / "new")
    again = Repository(tmp_path / "new" / "trust" / "north", "north", lambda: T0)
    again.publish({"stores/s-2/1.json": b"{}"})
    assert sorted(again.bundles(1)) == ["stores/s-1/1.json", "stores/s-2/1.json"]


def test_a_backup_that_is_not_what_was_copied_is_told_with_every_file(plane, tmp_path):
    Founded(plane, tmp_path / "offline")
    copy = tmp_path / "copy"
    made = back_up(plane.services.engine, plane.services.folder, copy, T0)
    first, second = sorted(made.files)[-2:]
    (copy / first).unlink()
    (copy / second).write_bytes(b"x")
    (copy / "more").write_bytes(b"")
    with pytest.raises(ControlFault) as caught:
        restore(copy, tmp_path / "new")
    said = [f"The backup's file {first} is missing.", "The backup's file more is not in its list."]
    assert texts(caught) == [*said, f"The backup's file {second} is not what was copied."]
    assert not (tmp_path / "new").exists()
    (copy / LIST).unlink()
    with pytest.raises(ControlFault, match="no whole backup"):
        restore(copy, tmp_path / "new")


def test_nothing_is_put_over_what_is_there_and_no_unknown_form_is_taken(plane, tmp_path, monkeypatch):
    back_up(plane.services.engine, plane.services.folder, tmp_path / "copy", T0)
    for call in (
        lambda: back_up(plane.services.engine, plane.services.folder, tmp_path / "copy", T0),
        lambda: restore(tmp_path / "copy", tmp_path),
    ):
        with pytest.raises(ControlFault, match="is not empty"):
            call()
    engine = connect(f"sqlite:///{tmp_path / 'own.db'}")
    migrate.bring_to(engine)
    back_up(engine, tmp_path / "nothing", tmp_path / "newer", T0)
    monkeypatch.setattr(migrate, "forms", lambda: ["0001"])
    with pytest.raises(ControlFault, match="There is no form"):
        restore(tmp_path / "newer", tmp_path / "elsewhere")


def test_the_commands_in_both_languages(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STORELOOM_PASSWORD", "a long pass phrase of one's own")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder, copy = str(tmp_path / "control"), str(tmp_path / "copy")
    assert cli.main(["server", "init", "--folder", folder, "--chain", "north", "--email", "a@b.example"]) == 0
    assert cli.main(["server", "backup", "--folder", folder]) == 2
    assert cli.main(["server", "backup", "--folder", folder, "--copy", copy, "--lang", "zh"]) == 0
    assert cli.main(["server", "restore", "--folder", str(tmp_path / "new"), "--copy", copy, "--lang", "en"]) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    form = migrate.newest()
    assert said[0] == f"{copy}：1 个文件，数据库 sqlite，结构版本 {form}"
    assert said[2] == f"{tmp_path / 'new'}: 1 files, database sqlite of form {form}"
    assert cli.main(["audit", "verify", "--folder", str(tmp_path / "new"), "--lang", "en"]) == 0
