"""Agents: they enrol once, are told what to run and wait for news, their reports count once and in their order; tokens go round."""

import base64
import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from storeloom.core.bench.fleet_stores import make_release
from storeloom.core.control.agents import desired
from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import PREFIX, create_app
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent, AgentReport, ReleaseHealth
from storeloom.core.control.models.identity import EnrolmentCode, IdempotentAnswer, Token
from tests.control.conftest import T0, Asker

KEY, OTHER = (base64.b64encode(bytes([one]) * 32).decode() for one in (1, 2))


@pytest.fixture
def rooted(plane, monkeypatch):
    """A control plane whose chains have a root of trust."""

    class Repository:
        def root_bytes(self):
            return b'{"signed": {}}'

    monkeypatch.setattr(type(plane.services), "trust", lambda self, chain: Repository())
    return plane


def code_of(plane, store="s-1", chain="north"):
    return plane.as_("operator", chain)("POST", f"/stores/{store}/enrolment").json["code"]


def enrol(plane, code, key=KEY, **where):
    body = json.dumps({"code": code, "public_key": key, "version": "1.0"})
    return plane.client.post(f"{PREFIX}/enrol", data=body, content_type="application/json", **where)


def agent(plane, key=KEY):
    """An agent that is enrolled, as somebody who asks."""
    answer = enrol(plane, code_of(plane), key)
    assert answer.status_code == 200, answer.json
    return Asker(plane.client, answer.json["token"])


def body(*reports, **more):
    return {"reports": list(reports), "state": "good", **more}


def report(seq, kind="state", release=None, **data):
    return {"seq": seq, "at": "2026-03-02T10:00:00Z", "kind": kind, "release": release, "data": data or {"state": "good"}}


def test_an_agent_enrols_once_with_a_code(rooted):
    code = code_of(rooted)
    answer = enrol(rooted, f" {code.lower().replace('-', ' ')}")
    assert (answer.status_code, answer.json["chain"], answer.json["store"]) == (200, "north", "s-1")
    assert base64.b64decode(answer.json["root"]) == b'{"signed": {}}'
    asked = Asker(rooted.client, answer.json["token"])("GET", "/agent/desired")
    assert (asked.status_code, asked.json["number"], asked.json["release"], asked.headers["ETag"]) == (200, 0, None, '"0"')
    taken = enrol(rooted, code, OTHER)
    assert (taken.status_code, taken.json["findings"][0]["code"]) == (403, "SL-ENR-04")
    with reading(rooted.services.engine) as session:
        assert code not in session.exec(select(EnrolmentCode.sha256)).all()


def test_an_answer_that_was_lost_can_be_asked_for_again_until_the_agent_is_heard_of(rooted):
    code = code_of(rooted)
    first = enrol(rooted, code).json["token"]
    rooted.wait(minutes=1)
    again = enrol(rooted, code)
    assert again.status_code == 200
    assert Asker(rooted.client, first)("GET", "/agent/desired").status_code == 401
    assert Asker(rooted.client, again.json["token"])("POST", "/agent/reports", body(report(1))).status_code == 200
    assert enrol(rooted, code).status_code == 403


def test_a_code_is_over_after_its_time_or_when_a_newer_one_is_made(rooted):
    old = code_of(rooted)
    newer = code_of(rooted)
    assert enrol(rooted, old).status_code == 403
    rooted.wait(hours=73)
    assert enrol(rooted, newer).status_code == 403


def test_of_two_machines_with_one_code_one_is_taken(rooted):
    code, statuses = code_of(rooted), []
    apps = [create_app(rooted.services, RESOURCES).test_client() for _ in range(4)]
    start = threading.Barrier(4)

    def come(number):
        start.wait()
        key = base64.b64encode(bytes([number + 1]) * 32).decode()
        sent = json.dumps({"code": code, "public_key": key})
        statuses.append(apps[number].post(f"{PREFIX}/enrol", data=sent, content_type="application/json").status_code)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 403, 403, 403]


def test_guessing_is_slowed_down_by_where_it_comes_from(rooted):
    code = code_of(rooted)
    here = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
    assert [enrol(rooted, "AAAAA", **here).status_code for _ in range(10)] == [403] * 10
    refused = enrol(rooted, code, **here)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "901")
    assert enrol(rooted, code, environ_base={"REMOTE_ADDR": "192.0.2.2"}).status_code == 200


def test_a_new_machine_takes_the_place_of_the_old_one_and_counts_its_reports_afresh(rooted):
    old = agent(rooted)
    assert old("POST", "/agent/reports", body(report(1), report(2))).json["seq"] == 2
    new = agent(rooted, OTHER)
    assert old("GET", "/agent/desired").status_code == 401
    assert new("POST", "/agent/reports", body(report(1))).json["seq"] == 1
    with reading(rooted.services.engine) as session:
        kept = session.exec(select(AgentReport.enrolment, AgentReport.seq).order_by(AgentReport.enrolment, AgentReport.seq)).all()
        assert [tuple(one) for one in kept] == [(1, 1), (1, 2), (2, 1)]


def test_news_are_told_by_number_and_nothing_where_there_are_none(rooted):
    ask = agent(rooted)
    with writing(rooted.services.engine) as session:
        make_release(session, "north", "r-1", 7, ["s-1"], T0)
        desired.aim(session, "north", ["s-1"], "r-1", 60, False)
    told = ask("GET", "/agent/desired", If_None_Match='"0"')
    assert (told.status_code, told.json["number"], told.json["release"], told.json["target"]) == (200, 1, "r-1", "stores/s-1/7.json")
    assert (told.json["health_s"], told.json["windows"]) == (60, None)
    still = ask("GET", "/agent/desired", If_None_Match='"1"')
    assert (still.status_code, still.data, still.headers["ETag"]) == (304, b"", '"1"')


def test_one_that_waits_hears_of_news_soon_and_holds_no_connection(rooted):
    ask = agent(rooted)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask("GET", "/agent/desired?wait=30", If_None_Match='"0"')))
    waiting.start()
    waits = rooted.services.waits
    while not waits._waiting:
        time.sleep(0.01)
    assert rooted.services.engine.pool.checkedout() == 0
    with writing(rooted.services.engine) as session:
        desired.touch(session, "north", ["s-1"])
    waiting.join(10)
    assert [(one.status_code, one.json["number"]) for one in answers] == [(200, 1)]
    assert waits._taken == 0


def test_one_that_is_locked_out_while_it_waits_is_told_nothing(rooted):
    ask = agent(rooted)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask("GET", "/agent/desired?wait=30", If_None_Match='"0"')))
    waiting.start()
    while not rooted.services.waits._waiting:
        time.sleep(0.01)
    assert rooted.as_("operator")("DELETE", "/stores/s-1/agent/tokens").status_code == 204
    with writing(rooted.services.engine) as session:
        desired.touch(session, "north", ["s-1"])
    waiting.join(10)
    assert [one.status_code for one in answers] == [401]


def test_who_finds_no_place_to_wait_is_told_when_to_come_back(rooted):
    ask = agent(rooted)
    rooted.services.waits.places = 0
    answer = ask("GET", "/agent/desired?wait=60", If_None_Match='"0"')
    assert answer.status_code == 304 and 30 <= int(answer.headers["Retry-After"]) <= 60


def test_reports_count_once_and_in_their_order_however_they_come(rooted):
    ask = agent(rooted)
    with writing(rooted.services.engine) as session:
        make_release(session, "north", "r-1", 1, ["s-1"], T0)
    looks = [
        report(seq, "health", "r-1", ok=seq != 3, solutions={"till": {"state": "level", "failures": failures, "handled": handled}})
        for seq, failures, handled in ((1, 1, 100), (2, 3, 200), (3, 2, 40), (4, 2, 90))
    ]
    assert ask("POST", "/agent/reports", body(looks[2], looks[3])).json["seq"] == 0
    assert ask("POST", "/agent/reports", body(looks[0])).json["seq"] == 1
    assert ask("POST", "/agent/reports", body(looks[0], looks[1], running="r-1")).json["seq"] == 4
    assert ask("POST", "/agent/reports", body(*looks)).json["seq"] == 4
    with reading(rooted.services.engine) as session:
        health = session.get(ReleaseHealth, ("north", "s-1", "r-1"))
        # 200 handled and 3 failures, then the process began anew: 90 and 2 more
        assert (health.looks, health.bad, health.solutions) == (4, 1, {"till": [5, 290]})


def test_an_older_message_that_comes_late_changes_nothing(rooted):
    ask = agent(rooted)
    ask("POST", "/agent/reports", body(report(1), report(2), state="watching", desired_number=4))
    late = ask("POST", "/agent/reports", body(report(1), state="downloading", desired_number=3))
    assert late.json["seq"] == 2
    shown = rooted.as_("viewer")("GET", "/agents/s-1").json
    assert (shown["state"], [one["seq"] for one in shown["reports"]]) == ("watching", [2, 1])


def test_reports_come_packed_and_a_body_that_swells_is_refused(rooted):
    ask = agent(rooted)
    send = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {ask.token}", "Content-Encoding": "gzip"}}
    packed = gzip.compress(json.dumps(body(report(1))).encode())
    assert rooted.client.post(f"{PREFIX}/agent/reports", data=packed, **send).json["seq"] == 1
    assert rooted.client.post(f"{PREFIX}/agent/reports", data=packed[:-9], **send).status_code == 400
    assert rooted.client.post(f"{PREFIX}/agent/reports", data=gzip.compress(b" " * (5 << 20)), **send).status_code == 413


def test_a_report_far_ahead_is_refused(rooted):
    answer = agent(rooted)("POST", "/agent/reports", body(report(100_001)))
    assert (answer.status_code, answer.json["findings"][0]["code"]) == (422, "SL-ENR-03")


def test_a_token_goes_over_an_hour_after_the_next_one_is_made(rooted):
    old = agent(rooted)
    answer = old("POST", "/agent/token", Idempotency_Key="k")
    new = Asker(rooted.client, answer.json["token"])
    assert old("GET", "/agent/desired").status_code == new("GET", "/agent/desired").status_code == 200
    rooted.wait(minutes=61)
    assert (old("GET", "/agent/desired").status_code, new("GET", "/agent/desired").status_code) == (401, 200)


def test_no_secret_that_is_told_once_stands_in_the_database(rooted):
    ask = rooted.as_("operator")
    code = ask("POST", "/stores/s-1/enrolment", Idempotency_Key="k").json["code"]
    token = enrol(rooted, code).json["token"]
    newer = Asker(rooted.client, token)("POST", "/agent/token", Idempotency_Key="k").json["token"]
    rooted.services.engine.dispose()
    stored = b"".join(file.read_bytes() for file in (rooted.services.folder.parent).glob("control.db*"))
    assert not [one for one in (code, code.replace("-", ""), token, newer) if one.encode() in stored]
    with reading(rooted.services.engine) as session:
        assert session.exec(select(IdempotentAnswer)).all() == []
        assert len(session.exec(select(Token).where(Token.chain == "north", Token.store == "s-1", Token.revoked.is_(None))).all()) == 2


def test_another_chains_agents_are_not_there(rooted):
    agent(rooted)
    stranger = rooted.as_("admin", "south")
    assert stranger("GET", "/agents").json["items"] == []
    assert stranger("GET", "/agents/s-1").status_code == 404
    assert stranger("DELETE", "/stores/s-1/agent/tokens").status_code == 404
    assert rooted.as_("viewer")("GET", "/agents").json["items"][0]["store"] == "s-1"
    assert rooted.as_("viewer")("POST", "/stores/s-1/enrolment").status_code == 403


def test_polls_are_noted_without_writing_and_written_at_once(rooted):
    ask = agent(rooted)
    rooted.wait(minutes=5)
    ask("GET", "/agent/desired")
    seen = lambda: rooted.as_("viewer")("GET", "/agents/s-1").json["seen"]  # noqa: E731
    assert seen() == "2026-03-02T10:00:00Z"
    assert rooted.services.presence.flush(rooted.services.engine) == 1
    assert seen() == "2026-03-02T10:05:00Z"
    rooted.services.presence.saw("north", "s-1", datetime(2026, 3, 2, 9, tzinfo=UTC))
    rooted.services.presence.flush(rooted.services.engine)
    assert seen() == "2026-03-02T10:05:00Z"
    with reading(rooted.services.engine) as session:
        assert session.get(Agent, ("north", "s-1")).seen == T0 + timedelta(minutes=5)
