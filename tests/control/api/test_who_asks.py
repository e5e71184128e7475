"""Who asks is settled before anything is locked, and once more where something is written."""

from storeloom.core.control.api import serve
from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.tokens import digest
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Token


def test_nobody_waits_for_the_database_to_be_refused(plane):
    ask = plane.as_("viewer")
    with writing(plane.services.engine) as session:
        session.get(Store, ("north", "s-1"), with_for_update=True)
        assert ask("POST", "/stores/s-1/enrolment").status_code == 403
        ask.token = "slt_nobody"
        assert ask("POST", "/stores/s-1/enrolment").status_code == 401


def test_a_token_that_is_taken_back_meanwhile_writes_nothing(plane, monkeypatch):
    understand = serve._understand

    def meanwhile(*args):
        understand(*args)
        with writing(plane.services.engine) as session:
            token = session.get(Token, digest(plane.tokens["north", "admin"]))
            token.revoked = plane.clock[0]
            session.add(token)

    monkeypatch.setattr(serve, "_understand", meanwhile)
    assert plane.as_("admin")("DELETE", "/stores/s-1", If_Match='"1"').status_code == 401
    with reading(plane.services.engine) as session:
        assert session.get(Store, ("north", "s-1")).closed is None


def test_a_poll_without_news_opens_no_session(plane, monkeypatch):
    def refused(engine):
        raise AssertionError("a session was opened")

    agent = plane.as_("agent")
    monkeypatch.setattr(serve, "reading", refused)
    assert agent("GET", "/agent/desired").status_code == 404  # s-1 has a token, and no agent
