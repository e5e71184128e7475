"""`storeloom dead`: what was given up is listed with its reason, and sent again one by one or all."""

import json
from datetime import UTC, datetime

import pytest

from storeloom.core.cli import main
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.runtime.log import StoreLog, micros

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
ENDS = (("dead", 8, "relay-1: OSError: no route"), ("unrouted", 0, "no device with a driver takes it"), ("sent", 1, None))


@pytest.fixture
def ids(tmp_path):
    """A store whose outbox holds a dead, an unrouted and a sent command; their ids in this order."""
    log = StoreLog(tmp_path / "store.db", store="s1")
    made = []
    for number, (status, tries, note) in enumerate(ENDS):
        event = Event("relay.set", T0, {"relay": "r1", "on": True}, event_id(T0, number), "s1", "night_light")
        with log.transaction():
            log.push(event.id, log.append(event), "night_light", "relay.set", micros(T0))
            log.settle(event.id, status, tries, micros(T0), note)
        made.append(event.id)
    log.close()
    return made


def dead(capsys, tmp_path, *words):
    code = main(["dead", *words, "--data", str(tmp_path), "--json"])
    return code, json.loads(capsys.readouterr().out)


def outbox(tmp_path):
    log = StoreLog(tmp_path / "store.db", store="s1")
    counts = log.outbox()
    log.close()
    return counts


def test_what_was_given_up_is_listed_with_its_reason(ids, tmp_path, capsys):
    code, answer = dead(capsys, tmp_path, "list")
    assert code == 0 and [one["id"] for one in answer["commands"]] == ids[:2]
    first = answer["commands"][0]
    assert (first["stream"], first["instance"], first["tries"], first["note"]) == ("relay.set", "night_light", 8, ENDS[0][2])
    assert first["time"] == "2026-03-02T10:00:00Z"


@pytest.mark.parametrize(
    ("lang", "line", "end"),
    [
        ("en", "relay.set  night_light  8 tries: relay-1: OSError: no route", "commands given up: 2"),
        ("zh", "relay.set  night_light  尝试 8 次：relay-1: OSError: no route", "共 2 条已放弃的指令"),
    ],
)
def test_the_list_reads_in_both_languages(ids, tmp_path, capsys, lang, line, end):
    assert main(["dead", "list", "--data", str(tmp_path), "--lang", lang]) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[0] == f"{ids[0]}  2026-03-02T10:00:00Z  {line}" and text[-1] == end


def test_one_is_sent_again(ids, tmp_path, capsys):
    assert dead(capsys, tmp_path, "resend", ids[1]) == (0, {"ok": True, "resent": [ids[1]]})
    assert outbox(tmp_path) == {"dead": 1, "sent": 1, "waiting": 1}


def test_all_are_sent_again(ids, tmp_path, capsys):
    assert dead(capsys, tmp_path, "resend", "--all") == (0, {"ok": True, "resent": ids[:2]})
    assert outbox(tmp_path) == {"sent": 1, "waiting": 2}
    assert dead(capsys, tmp_path, "list")[1]["commands"] == []


def test_an_unknown_id_is_named_and_nothing_is_sent(ids, tmp_path, capsys):
    code, answer = dead(capsys, tmp_path, "resend", ids[0], ids[2], "nothing")
    assert code == 1 and [(one["code"], ids[2] in one["reason"]) for one in answer["findings"]] == [
        ("SL-OUT-02", True),
        ("SL-OUT-02", False),
    ]
    assert outbox(tmp_path) == {"dead": 1, "sent": 1, "unrouted": 1}


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_what_to_send_must_be_said_in_one_way(ids, tmp_path, capsys, words):
    code, answer = dead(capsys, tmp_path, "resend", *words)
    assert code == 2 and "or --all" in answer["findings"][0]["reason"]


def test_a_folder_without_a_log_is_left_as_it_is(tmp_path, capsys):
    for words in (("list",), ("resend", "--all")):
        code, answer = dead(capsys, tmp_path, *words)
        assert code == 1 and answer["findings"][0]["code"] == "SL-LOG-01"
    assert list(tmp_path.iterdir()) == []
