"""Prepared reads give what SQLAlchemy gives, in whose transaction they are asked, and leave no broken connection behind."""

from datetime import timedelta

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError

from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.tokens import PERSON_LIFE, digest, issue, principal
from storeloom.core.control.models.identity import Token
from storeloom.core.control.prepared import Prepared
from tests.control.conftest import T0

TOKEN = Token.__table__
ROW = select(TOKEN).where(TOKEN.c.sha256 == bindparam("sha256"), TOKEN.c.chain == bindparam("chain"))


def test_a_row_is_what_sqlalchemy_makes_of_it(plane):
    secret = plane.tokens["north", "viewer"]
    with writing(plane.services.engine) as session:
        token = session.get(Token, digest(secret))
        token.scopes = ["stores:read"]
        session.add(token)
    asked = {"sha256": digest(secret), "chain": "north"}
    with reading(plane.services.engine) as session:
        expected = tuple(session.connection().execute(ROW, asked).one())
        assert Prepared(ROW).one(session, **asked) == expected
    prepared = Prepared(ROW)
    assert prepared.one(plane.services.engine, **asked) == prepared.one(plane.services.engine, **asked) == expected
    assert ["stores:read"] in expected and T0 + PERSON_LIFE in expected
    assert prepared.one(plane.services.engine, **{**asked, "chain": "south"}) is None


def test_a_session_sees_its_own_changes_and_an_engine_sees_them_when_they_are_over(plane):
    engine = plane.services.engine
    with writing(engine) as session:
        _, secret = issue(session, "north", T0, user="viewer", life=timedelta(hours=1))
        session.flush()
        assert principal(session, secret, T0).user == "viewer"
        assert principal(engine, secret, T0) is None
    assert principal(engine, secret, T0).user == "viewer"
    assert principal(engine, secret, T0 + timedelta(hours=1)) is None


def test_a_read_that_fails_fails_as_any_other_and_the_next_has_a_sound_connection(plane):
    engine = plane.services.engine
    prepared = Prepared(ROW)
    asked = {"sha256": digest(plane.tokens["north", "viewer"]), "chain": "north"}
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE token RENAME TO elsewhere"))
    with pytest.raises(DBAPIError) as failed:
        prepared.one(engine, **asked)
    assert asked["sha256"] not in str(failed.value), "what was asked is not told"
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO token"))
    assert prepared.one(engine, **asked) is not None
    assert engine.pool.checkedout() == 0
