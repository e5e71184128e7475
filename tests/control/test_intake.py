"""The receiver: a batch is stored whole or not at all, once, in order, and only for the store whose token came with it."""

import base64
import gzip
import hashlib
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from storeloom.core.control import intake, received
from storeloom.core.control.database import connect, make_tables
from storeloom.core.control.received import Position, ReceivedEvent, StoreToken, UploadGap

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'control.db'}"


@pytest.fixture
def database(url):
    engine = connect(url)
    make_tables(engine)
    for store in ("s1", "s2"):
        received.set_token(engine, store, f"secret-{store}")
    yield engine
    engine.dispose()


@pytest.fixture
def client(url, database):
    return intake.create_app(url, lambda: T0).test_client()


def line(seq, **more):
    event = {"seq": seq, "id": f"e{seq}", "stream": "pos.sale", "source": "till-1", "store": "s1", "hops": 0, "cause": 0}
    return {**event, "time": "2026-03-02T10:00:00Z", "received": "2026-03-02T10:00:01.000001Z", "data": {"n": seq}, **more}


def post(client, lines, *, after=0, last=None, store="s1", token=None, lang="en", body=None, digest=None, **query):
    """Send a batch as a store does; any part of it can be spoilt."""
    body = gzip.compress(b"".join(orjson.dumps(one) + b"\n" for one in lines)) if body is None else body
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode() if digest is None else digest
    last = (lines[-1]["seq"] if lines else after) if last is None else last
    span = {"generation": 1, "after": after, "after_event": f"e{after}" if after else "", "last": last, "last_event": f"e{last}", "lost": 0}
    headers = {"Authorization": f"Bearer {token or f'secret-{store}'}", "Content-Digest": f"sha-256=:{digest}:", "Accept-Language": lang}
    return client.post(f"/v1/stores/{store}/events", query_string={**span, **query}, data=body, headers=headers)


def stored(database, store="s1"):
    return [(one.generation, one.seq, one.id) for one in received.events(database, store)]


def test_a_batch_is_stored_and_the_answer_says_where_the_store_stands(client, database):
    answer = post(client, [line(1), line(3)], last=4)
    assert (answer.status_code, answer.json) == (200, {"ok": True, "stored": 2, "generation": 1, "seq": 4, "event": "e4", "lost": 0})
    (first, _) = received.events(database, "s1")
    assert (first.stream, first.source, first.about, first.data) == ("pos.sale", "till-1", "s1", {"n": 1})
    assert (first.time, first.received) == (T0, T0 + timedelta(seconds=1, microseconds=1))
    where = client.get("/v1/stores/s1/position", headers={"Authorization": "bearer secret-s1"})
    assert where.json == {"ok": True, "generation": 1, "seq": 4, "event": "e4", "lost": 0}


def test_a_repeat_changes_nothing_and_is_answered_as_if_new(client, database):
    batch = [line(1), line(2)]
    assert post(client, batch).json["stored"] == 2
    assert post(client, batch).json == {"ok": True, "stored": 0, "generation": 1, "seq": 2, "event": "e2", "lost": 0}
    assert stored(database) == [(1, 1, "e1"), (1, 2, "e2")]


@pytest.mark.parametrize("query", [{"after": 3}, {"after": 1}, {"after": 2, "after_event": "other"}, {"after": 2, "generation": 2}])
def test_a_batch_that_does_not_follow_is_refused_with_what_would(client, database, query):
    post(client, [line(1), line(2)])
    answer = post(client, [line(5)], **{"after": 2, **query})
    assert answer.status_code == 409 and answer.json["seq"] == 2 and answer.json["event"] == "e2" and answer.json["generation"] == 1
    assert [one["code"] for one in answer.json["findings"]] == ["SL-UPL-09"]
    assert stored(database) == [(1, 1, "e1"), (1, 2, "e2")]


def test_what_a_store_lost_is_written_down_with_its_place(client, database):
    post(client, [line(1), line(2)])
    assert post(client, [line(8)], after=2, lost=5).json["lost"] == 5
    with Session(database) as session:
        assert [(gap.store, gap.generation, gap.after, gap.lost, gap.reported) for gap in session.exec(select(UploadGap))] == [
            ("s1", 1, 2, 5, T0)
        ]


def test_a_new_generation_counts_afresh_and_knows_its_events(client, database):
    post(client, [line(1), line(2), line(3)])
    begin = {"headers": {"Authorization": "Bearer secret-s1"}}
    assert client.post("/v1/stores/s1/generations?after=1", **begin).json["generation"] == 2
    assert client.post("/v1/stores/s1/generations?after=1", **begin).json["generation"] == 2
    again = [line(1), line(2, id="fresh")]
    assert post(client, again, generation=2, last_event="fresh").json["stored"] == 1
    assert stored(database) == [(1, 1, "e1"), (1, 2, "e2"), (1, 3, "e3"), (2, 2, "fresh")]


def test_two_stores_keep_apart(client, database):
    post(client, [line(1)])
    post(client, [line(1), line(2)], store="s2")
    assert stored(database) == [(1, 1, "e1")] and stored(database, "s2") == [(1, 1, "e1"), (1, 2, "e2")]


@pytest.mark.parametrize("token", ["wrong", "secret-s2", " "])
def test_only_the_stores_own_token_opens(client, database, token):
    answer = post(client, [line(1)], token=token)
    assert answer.status_code == 401 and answer.json["findings"][0]["code"] == "SL-UPL-06" and stored(database) == []
    assert client.get("/v1/stores/s1/position").status_code == 401
    assert client.post("/v1/stores/s1/generations?after=1").status_code == 401
    assert post(client, [line(1)], store="s9", token="secret-s1").status_code == 401


def test_a_new_token_shuts_out_the_old(client, database):
    received.set_token(database, "s1", "fresh")
    assert post(client, [line(1)]).status_code == 401 and post(client, [line(1)], token="fresh").status_code == 200


GOOD = gzip.compress(orjson.dumps(line(1)) + b"\n")


@pytest.mark.parametrize(
    ("batch", "status", "reason"),
    [
        ({"digest": "AAAA"}, 400, "The batch does not fit its checksum, or has none."),
        ({"body": GOOD[:-9]}, 400, "cut off"),
        ({"body": GOOD + b"more"}, 400, "cut off or followed"),
        ({"body": b"plain"}, 400, "no gzip"),
        ({"lines": [line(2), line(1)], "last": 2}, 400, "line 2: sequence 1 is out of order"),
        ({"lines": [line(1), line(1)]}, 400, "line 2: sequence 1 is out of order"),
        ({"lines": [line(4)], "last": 3}, 400, "not within 0 to 3"),
        ({"lines": [line("1")]}, 400, "line 1: seq: "),
        ({"lines": [line(1, time="2026-03-02T10:00:00")]}, 400, "line 1: time: "),
        ({"lines": [line(1, more=1)]}, 400, "line 1: more: "),
        ({"lines": [line(1, cause=-1)]}, 400, "line 1: cause: "),
        ({"lines": []}, 400, "it ends at 0, before its start at 0"),
        ({"last": "x"}, 400, "'last' must be a whole number, got 'x'"),
        ({"lost": "-1"}, 400, "'lost' must be a whole number, got '-1'"),
        ({"last": "9" * 30}, 400, "'last' must be a whole number"),
        ({"body": gzip.compress(bytes(intake.MAX_UNPACKED + 1))}, 413, "unpacked it is too large"),
        ({"body": bytes(intake.MAX_BODY + 1)}, 413, "Request Entity Too Large"),
    ],
)
def test_what_is_no_batch_is_refused_in_words_and_leaves_nothing(client, database, batch, status, reason):
    answer = post(client, **{"lines": [line(1)], **batch})
    assert answer.status_code == status and answer.json["ok"] is False
    assert reason in answer.json["findings"][0]["reason"]
    assert stored(database) == [] and post(client, [line(1)]).json["stored"] == 1


def test_the_words_are_in_the_readers_language_and_every_refusal_has_one_shape(client):
    assert post(client, [line(1)], token="x", lang="zh").json["findings"][0]["reason"] == "令牌与门店“s1”不符。"
    for answer in (client.get("/v1/nothing"), client.put("/v1/stores/s1/events")):
        assert set(answer.json) == {"ok", "findings"} and answer.json["findings"][0]["code"] == "SL-UPL-10"


def test_a_batch_that_breaks_half_way_leaves_nothing(client, database, monkeypatch):
    monkeypatch.setattr(received, "_row", lambda store, generation, one: ReceivedEvent(store=store, generation=generation, seq=one.seq))
    answer = post(client, [line(1)])
    assert answer.status_code == 500 and answer.json["findings"][0]["reason"] == "POST /v1/stores/s1/events failed: Internal Server Error."
    monkeypatch.undo()
    assert stored(database) == [] and received.position(database, "s1", T0).seq == 0
    assert post(client, [line(1)]).status_code == 200


def test_the_database_keeps_its_word_on_sqlite(database):
    with database.connect() as connection:
        pragmas = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("foreign_keys", "synchronous", "busy_timeout")}
    assert pragmas == {"foreign_keys": 1, "synchronous": 2, "busy_timeout": 5000}
    fields = {"generation": 1, "seq": 1, "id": "a", "stream": "x", "source": "y", "about": "z", "hops": 0, "cause": 0, "data": {}}
    rows = [
        ReceivedEvent(store="unknown", time=T0, received=T0, **fields),
        Position(store="s3", seq=-1, reported=T0),
        StoreToken(store="s4", sha256="short"),
    ]
    for row in rows:
        with pytest.raises(IntegrityError), Session(database) as session, session.begin():
            session.add(row)


def test_times_keep_their_instant_and_a_time_without_a_zone_is_refused(database):
    with Session(database) as session, session.begin():
        session.add(Position(store="s1", reported=T0.astimezone(timezone(timedelta(hours=8)))))
    with Session(database) as session:
        assert session.get(Position, "s1").reported.isoformat() == "2026-03-02T10:00:00+00:00"
    with pytest.raises(Exception, match="time without a zone"), Session(database) as session, session.begin():
        session.add(Position(store="s2", reported=datetime(2026, 3, 2)))
