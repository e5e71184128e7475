"""The database's form: what the migrations make is what the models say, forwards and back."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
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


def test_another_form_is_told_with_the_next_step(engine):
    with pytest.raises(ControlFault) as caught:
        migrate.require(engine)
    assert caught.value.findings[0].code == "SL-SRV-01" and "storeloom server migrate" in caught.value.findings[0].fix()
    with pytest.raises(ControlFault) as caught:
        migrate.bring_to(engine, "tomorrow")
    assert caught.value.findings[0].code == "SL-SRV-02"
