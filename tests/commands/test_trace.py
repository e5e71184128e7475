"""`trace`: the tree as an operator reads it."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from storeloom.core.commands.trace import cut
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog, micros

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
EN = """\
#1  2026-03-02T10:00:00Z  pos.sale  from till-1
│  {"receipt":"r1"}
├─ #2  +0.500 s  inventory.movement  from stock_keeper
│  │  {"gtin":"6901234567892","qty":-1}
│  │  ✗ forecast failed on inventory.movement: ZeroDivisionError.
│  ├─ #4  +2.250 s  label.update  from esl  ◀ asked for
│  │     {"text":"缺货"}
│  │     → command dead (8 tries): gateway: timed out
│  └─ #5  +3600.000 s  order.propose  from replenish
│        {"qty":6}
└─ #3  +0.500 s  points.change  from loyalty
      {"member":"m1"}
"""


@pytest.fixture
def data(tmp_path):
    """A store's log: a sale and what it brought."""
    log = StoreLog(tmp_path / "store.db", store="s1")
    rows = (
        ("sale", 0, 0.0, "pos.sale", "till-1", {"receipt": "r1"}),
        ("stock", 1, 0.5, "inventory.movement", "stock_keeper", {"gtin": "6901234567892", "qty": -1}),
        ("points", 1, 0.5, "points.change", "loyalty", {"member": "m1"}),
        ("label", 2, 2.25, "label.update", "esl", {"text": "缺货"}),
        ("order", 2, 3600, "order.propose", "replenish", {"qty": 6}),
    )
    with log.transaction():
        for name, cause, after_s, stream, source, facts in rows:
            at = START + timedelta(seconds=after_s)
            log.append(Event(stream, at, facts, f"ID-{name}", "s1", source, at), 0, cause)
        log.push("ID-label", 4, "esl", "label.update", micros(START))
        log.settle("ID-label", "dead", 8, micros(START), "gateway: timed out")
        log.save_failure(
            "forecast", micros(START), "ID-stock", "inventory.movement", "forecast failed on inventory.movement: ZeroDivisionError."
        )
    log.close()
    return tmp_path


def test_the_tree(call, data):
    answer = call("trace", "ID-label", "--data", data)
    assert answer.code == 0 and answer.out == EN
    assert call("trace", "4", "--data", data).out == EN


def test_the_tree_in_chinese(call, data):
    told = call("trace", "#4", "--data", data, "--lang", "zh").out
    assert "├─ #4  +2.250 s  label.update  来自 esl  ◀ 所查事件" in told
    assert "→ 指令已放弃（已试 8 次）：gateway: timed out" in told


def test_as_json(call, data):
    told = call("trace", "ID-label", "--data", data, "--json").json
    assert [(one["id"], one["depth"]) for one in told["events"]] == [
        ("ID-sale", 0), ("ID-stock", 1), ("ID-label", 2), ("ID-order", 2), ("ID-points", 1)
    ]  # fmt: skip
    assert told["events"][2]["command"] == {"status": "dead", "tries": 8, "note": "gateway: timed out"}
    assert told["events"][1]["failures"][0]["instance"] == "forecast"


def test_an_event_that_is_not_there_and_a_folder_without_a_log(call, data, tmp_path):
    answer = call("trace", "ID-none", "--data", data)
    assert answer.code == 1 and "The log has no event 'ID-none'." in answer.err and "keeps 1 to 5" in answer.err
    answer = call("trace", "1", "--data", tmp_path / "nowhere")
    assert answer.code == 1 and "nowhere/store.db" in answer.err
    assert not (tmp_path / "nowhere").exists(), "looking makes nothing"


def test_a_line_is_cut_to_the_screen_and_cannot_steer_it():
    assert cut("abcdef", 6) == "abcdef" and cut("abcdefg", 6) == "abcde…"
    assert cut("缺货缺货", 6) == "缺货…" and cell_len(cut("缺货缺货", 6)) <= 6
    assert cut("a\x1b[2Jb\nc\u202e", 20) == "a�[2Jb�c�"
