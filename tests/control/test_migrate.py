"""The database's form: what the migrations make is what the models say, forwards and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from storeloom.core.control import migrate, models
from storeloom.core.control.database import connect
from storeloom.core.kernel.errors import ControlFault


@pytest.fixture
def engine(database_url):
    made = connect(database_url)
    yield made
    made.dispose()


def differences(engine):
    assert models.__all__
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)


def test_the_migrations_make_what_the_models_say(engine):
    migrate.bring_to(engine)
    assert differences(engine) == []
    migrate.require(engine)


def test_every_step_goes_back_and_forth(engine):
    steps = [one.revision for one in ScriptDirectory(str(migrate.FOLDER)).walk_revisions()]
    migrate.bring_to(engine)
    for step in [*steps[1:], "base"]:
        migrate.bring_to(engine, step)
        assert migrate.revision(engine) == (None if step == "base" else step)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    for step in reversed(steps):
        migrate.bring_to(engine, step)
    assert differences(engine) == []


def test_rows_survive_every_step_and_those_that_hang_on_them(engine):
    """A step that makes a table anew would take along what refers to it."""
    migrate.bring_to(engine, "0001")
    at = "2026-03-02 10:00:00"
    store, release = {"chain": "north", "store": "s"}, {"chain": "north", "created": at, "name": "x"}
    counts = {"desired_number": 3, "health_s": 900, "any_time": False, "reported_seq": 1, "told_seq": 1, "told_number": 1, "enrolment": 1}
    rows = {
        "chain": {"id": "north", "name": "n", "created": at},
        "store": {**release, "id": "s", "tags": "[]", "ring": 0, "profile": "{}", "version": 1, "changed": at},
        "release": {
            **release,
            "id": "r",
            "number": 1,
            "notes": "",
            "state": "published",
            "digest": "d",
            "sources": "{}",
            "created_by": "x",
        },
        "agent": {**store, **counts, "public_key": b"1", "enrolled": at, "state": "good", "version": ""},
        "agent_report": {**store, "enrolment": 1, "seq": 1, "at": at, "received": at, "kind": "state", "data": "{}"},
    }
    with engine.begin() as connection:
        for table, row in rows.items():
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)
    for target in ("head", "0001", "head"):
        migrate.bring_to(engine, target)
        with engine.connect() as connection:
            for table in ("store", "release", "agent", "agent_report"):
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 1, (target, table)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT wish, machine, desired_number FROM agent").one() == (0, None, 3)
        assert bool(connection.exec_driver_sql("SELECT signed FROM release").scalar_one()) is True


def test_another_form_is_told_with_the_next_step(engine):
    with pytest.raises(ControlFault) as caught:
        migrate.require(engine)
    assert caught.value.findings[0].code == "SL-SRV-01" and "storeloom server migrate" in caught.value.findings[0].fix()
    with pytest.raises(ControlFault) as caught:
        migrate.bring_to(engine, "tomorrow")
    assert caught.value.findings[0].code == "SL-SRV-02"
