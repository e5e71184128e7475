"""The receiver: a batch is stored whole or not at all, once, in order, and only for the store whose agent's token came with it."""

import base64
import gzip
import hashlib
from datetime import timedelta

import orjson
import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from storeloom.core.control.api import events as api
from storeloom.core.control.api.serve import PREFIX
from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.tokens import issue
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.received import Position, ReceivedEvent, UploadGap
from storeloom.core.control.reports import received
from tests.control.conftest import T0, profile


def line(seq, **more):
    event = {"seq": seq, "id": f"e{seq}", "stream": "pos.sale", "source": "till-1", "store": "s-1", "hops": 0, "cause": 0}
    return {**event, "time": "2026-03-02T10:00:00Z", "received": "2026-03-02T10:00:01.000001Z", "data": {"n": seq}, **more}


def post(plane, lines, *, after=0, last=None, store="s-1", chain="north", token=None, lang="en", body=None, digest=None, **query):
    """Send a batch as a store does; any part of it can be spoilt."""
    body = gzip.compress(b"".join(orjson.dumps(one) + b"\n" for one in lines)) if body is None else body
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode() if digest is None else digest
    last = (lines[-1]["seq"] if lines else after) if last is None else last
    span = {"generation": 1, "after": after, "after_event": f"e{after}" if after else "", "last": last, "last_event": f"e{last}", "lost": 0}
    headers = {
        "Authorization": f"Bearer {token or plane.tokens[chain, 'agent']}",
        "Content-Digest": f"sha-256=:{digest}:",
        "Content-Encoding": "gzip",
        "Content-Type": "application/x-ndjson",
        "Accept-Language": lang,
    }
    return plane.client.post(f"{PREFIX}/stores/{store}/events", query_string={**span, **query}, data=body, headers=headers)


def stored(plane, store="s-1", chain="north"):
    with reading(plane.services.engine) as session:
        return [(one.generation, one.seq, one.id) for one in received.events(session, chain, store)]


def second_store(plane):
    with writing(plane.services.engine) as session:
        session.add(Store(chain="north", id="s-2", name="Second", tags=[], profile=profile("s-2"), created=T0, changed=T0))
        session.flush()
        return issue(session, "north", T0, store="s-2")[1]


def test_a_batch_is_stored_and_the_answer_says_where_the_store_stands(plane):
    answer = post(plane, [line(1), line(3)], last=4)
    assert (answer.status_code, answer.json) == (200, {"stored": 2, "generation": 1, "seq": 4, "event": "e4", "lost": 0})
    with reading(plane.services.engine) as session:
        (first, _) = received.events(session, "north", "s-1")
    assert (first.stream, first.source, first.about, first.data, first.kept) == ("pos.sale", "till-1", "s-1", {"n": 1}, T0)
    assert (first.time, first.received) == (T0, T0 + timedelta(seconds=1, microseconds=1))
    where = plane.as_("agent")("GET", "/stores/s-1/position")
    assert where.json == {"generation": 1, "seq": 4, "event": "e4", "lost": 0}


def test_a_repeat_changes_nothing_and_is_answered_as_if_new(plane):
    batch = [line(1), line(2)]
    assert post(plane, batch).json["stored"] == 2
    assert post(plane, batch).json == {"stored": 0, "generation": 1, "seq": 2, "event": "e2", "lost": 0}
    assert stored(plane) == [(1, 1, "e1"), (1, 2, "e2")]


@pytest.mark.parametrize("query", [{"after": 3}, {"after": 1}, {"after": 2, "after_event": "other"}, {"after": 2, "generation": 2}])
def test_a_batch_that_does_not_follow_is_refused_with_what_would(plane, query):
    post(plane, [line(1), line(2)])
    answer = post(plane, [line(5)], **{"after": 2, **query})
    assert answer.status_code == 409 and answer.content_type == "application/problem+json"
    assert answer.json["position"] == {"seq": 2, "event": "e2", "generation": 1, "lost": 0}
    assert [one["code"] for one in answer.json["findings"]] == ["SL-UPL-09"]
    assert stored(plane) == [(1, 1, "e1"), (1, 2, "e2")]


def test_what_a_store_lost_is_written_down_with_its_place(plane):
    post(plane, [line(1), line(2)])
    assert post(plane, [line(8)], after=2, lost=5).json["lost"] == 5
    with reading(plane.services.engine) as session:
        gaps = [(gap.store, gap.generation, gap.after, gap.lost, gap.reported) for gap in session.exec(select(UploadGap))]
    assert gaps == [("s-1", 1, 2, 5, T0)]


def test_a_new_generation_counts_afresh_and_knows_its_events(plane):
    post(plane, [line(1), line(2), line(3)])
    ask = plane.as_("agent")
    assert ask("POST", "/stores/s-1/generations?after=1").json["generation"] == 2
    assert ask("POST", "/stores/s-1/generations?after=1").json["generation"] == 2
    again = [line(1), line(2, id="fresh")]
    assert post(plane, again, generation=2, last_event="fresh").json["stored"] == 1
    assert stored(plane) == [(1, 1, "e1"), (1, 2, "e2"), (1, 3, "e3"), (2, 2, "fresh")]


def test_stores_and_chains_keep_apart(plane):
    other = second_store(plane)
    post(plane, [line(1)])
    post(plane, [line(1), line(2)], store="s-2", token=other)
    post(plane, [line(1), line(4)], chain="south")
    assert stored(plane) == [(1, 1, "e1")] and stored(plane, "s-2") == [(1, 1, "e1"), (1, 2, "e2")]
    assert stored(plane, chain="south") == [(1, 1, "e1"), (1, 4, "e4")]


def test_only_the_stores_own_agent_opens(plane):
    other = second_store(plane)
    foreign = post(plane, [line(1)], token=other)
    assert (foreign.status_code, foreign.json["findings"][0]["code"]) == (404, "SL-UPL-06")
    assert post(plane, [line(1)], token="wrong").status_code == 401
    assert post(plane, [line(1)], token=plane.tokens["north", "admin"]).status_code == 403
    assert plane.as_("agent")("GET", "/stores/s-2/position").status_code == 404
    assert plane.as_("agent")("POST", "/stores/s-2/generations?after=1").status_code == 404
    assert stored(plane) == [] and stored(plane, "s-2") == []


def test_a_token_that_is_over_opens_no_more(plane):
    plane.wait(days=91)
    assert post(plane, [line(1)]).status_code == 401


GOOD = gzip.compress(orjson.dumps(line(1)) + b"\n")


@pytest.mark.parametrize(
    ("batch", "status", "reason"),
    [
        ({"digest": "AAAA"}, 400, "The batch does not fit its checksum, or has none."),
        ({"body": GOOD[:-9]}, 400, "cut off"),
        ({"body": GOOD + b"more"}, 400, "cut off, or followed"),
        ({"body": b"plain"}, 400, "no gzip"),
        ({"lines": [line(2), line(1)], "last": 2}, 400, "line 2: sequence 1 is out of order"),
        ({"lines": [line(1), line(1)]}, 400, "line 2: sequence 1 is out of order"),
        ({"lines": [line(4)], "last": 3}, 400, "not within 0 to 3"),
        ({"lines": [line("1")]}, 400, "line 1: seq: "),
        ({"lines": [line(1, time="2026-03-02T10:00:00")]}, 400, "line 1: time: "),
        ({"lines": [line(1, time="0001-01-01T00:00:00+14:00")]}, 400, "line 1: time: "),
        ({"lines": [line(1, more=1)]}, 400, "line 1: more: "),
        ({"lines": [line(1, cause=-1)]}, 400, "line 1: cause: "),
        ({"body": gzip.compress(orjson.dumps(line(1)).replace(b'"n":1', b'"n":1e999'))}, 400, "line 1: data: a number is too large"),
        ({"lines": [line(3)], "after": 3, "last": 3}, 400, "it ends at 3, before its start at 3"),
        ({"lines": []}, 400, "greater than or equal to 1"),
        ({"last": "x"}, 400, "valid integer"),
        ({"lost": "-1"}, 400, "greater than or equal to 0"),
        ({"last": "9" * 30}, 400, "less than or equal to"),
        ({"body": gzip.compress(bytes(api.MAX_UNPACKED + 1))}, 413, "Request Entity Too Large"),
        ({"body": bytes(api.MAX_BODY + 1)}, 413, "Request Entity Too Large"),
    ],
)
def test_what_is_no_batch_is_refused_in_words_and_leaves_nothing(plane, batch, status, reason):
    answer = post(plane, **{"lines": [line(1)], **batch})
    assert answer.status_code == status and answer.content_type == "application/problem+json"
    assert any(reason in one["reason"] for one in answer.json["findings"]), answer.json
    assert stored(plane) == [] and post(plane, [line(1)]).json["stored"] == 1


def test_the_words_are_in_the_readers_language(plane):
    foreign = post(plane, [line(1)], store="s-9", lang="zh")
    assert foreign.json["findings"][0]["reason"] == "令牌与门店“s-9”不符。"


def test_a_character_that_no_database_holds_stops_no_store(plane):
    odd = line(1, data={"text": "a\0b", "list": [{"k\0": "\\u0000"}], "e": 1e20})
    assert post(plane, [odd, line(2, id="e2\0")]).json["stored"] == 2
    with reading(plane.services.engine) as session:
        first, second = received.events(session, "north", "s-1")
    assert first.data == {"text": "a\ufffdb", "list": [{"k\ufffd": "\\u0000"}], "e": 1e20} and second.id == "e2\ufffd"


def test_an_id_said_twice_in_a_batch_counts_once(plane):
    assert post(plane, [line(1), line(2, id="e1"), line(3)]).json["stored"] == 2
    assert stored(plane) == [(1, 1, "e1"), (1, 3, "e3")]


def test_a_batch_that_breaks_half_way_leaves_nothing(plane, monkeypatch):
    def row(chain, store, generation, one, now):
        return ReceivedEvent(chain=chain, store=store, generation=generation, seq=one.seq)

    monkeypatch.setattr(received, "_row", row)
    assert post(plane, [line(1)]).status_code == 409  # a row without its columns contradicts the table
    monkeypatch.undo()
    assert stored(plane) == [] and plane.as_("agent")("GET", "/stores/s-1/position").json["seq"] == 0
    assert post(plane, [line(1)]).status_code == 200


def test_the_tables_hold_to_their_keys(plane):
    fields = {"generation": 1, "seq": 1, "id": "a", "stream": "x", "source": "y", "about": "z", "hops": 0, "cause": 0, "data": {}}
    times = {"time": T0, "received": T0, "kept": T0}
    rows = [
        ReceivedEvent(chain="north", store="s-1", **times, **fields),  # stands nowhere yet
        Position(chain="north", store="unknown", reported=T0),
        Position(chain="north", store="s-1", seq=-1, reported=T0),
    ]
    for row in rows:
        with pytest.raises(IntegrityError), writing(plane.services.engine) as session:
            session.add(row)
