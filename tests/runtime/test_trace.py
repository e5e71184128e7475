"""One event's way: up to what began it, down to what followed, as the log holds it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime import trace
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.reader import LogReader

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Shop:
    """A log that is written by hand: each event is told its cause by name."""

    def __init__(self, path):
        self.path = path
        self.log = StoreLog(path, store="s1")
        self.seqs = {"": 0}

    def add(self, name, cause="", after_s=0.0, stream="pos.sale", source="till-1"):
        at = START + timedelta(seconds=after_s)
        with self.log.transaction():
            self.seqs[name] = self.log.append(Event(stream, at, {"name": name}, f"ID-{name}", "s1", source, at), 0, self.seqs[cause])
        return self.seqs[name]


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path / "store.db")
    yield made
    made.log.close()


@pytest.fixture
def basket(shop):
    """A sale moves stock, the stock brings a label and, an hour later, an order; another till sells in between."""
    shop.add("sale")
    shop.add("stock", "sale", 0.5, "inventory.movement", "stock_keeper")
    shop.add("points", "sale", 0.5, "points.change", "loyalty")
    shop.add("other", after_s=2, source="till-2")
    shop.add("label", "stock", 2.25, "label.update", "esl")
    shop.add("stock-2", "other", 2.5, "inventory.movement", "stock_keeper")
    shop.add("order", "stock", 3600, "order.propose", "replenish")
    return shop


def way(shop, name, **more):
    with trace.open_records(shop.path) as records:
        return trace.follow(records, trace.find(records, f"ID-{name}"), **more)


def drawn(found):
    return [(step.record.event["name"], step.depth) for step in found.steps]


TREE = [("sale", 0), ("stock", 1), ("label", 2), ("order", 2), ("points", 1)]


@pytest.mark.parametrize("name", ["sale", "stock", "points", "label", "order"])
def test_from_wherever_one_asks_it_is_the_same_tree(basket, name):
    found = way(basket, name)
    assert drawn(found) == TREE
    assert found.asked == basket.seqs[name] and (found.lost, found.more) == (0, False)
    assert [trace.delay_s(found, step) for step in found.steps] == [0, 0.5, 2.25, 3600, 0.5]


def test_what_has_no_cause_and_no_effect_is_its_own_tree(basket):
    assert drawn(way(basket, "other")) == [("other", 0), ("stock-2", 1)]
    basket.add("lonely")
    assert drawn(way(basket, "lonely")) == [("lonely", 0)]


def test_an_event_is_found_by_id_and_by_number(basket):
    with trace.open_records(basket.path) as records:
        for asked in ("ID-label", "5", "#5", " 5 "):
            assert trace.find(records, asked).event["name"] == "label"
        for asked in ("ID-none", "0", "8", "9" * 30, "", "²"):
            assert trace.find(records, asked) is None
        assert trace.missing(records, "ID-none").text() == "The log has no event 'ID-none'."
        assert trace.missing(records, "ID-none").fix() == "Give an event's id or its number; the log keeps 1 to 7."


def test_a_fact_that_is_accepted_but_not_handled_is_told_so(shop):
    shop.log.accept([Event("pos.sale", START, {}, "ID-new", "s1", "till-1", START)])
    with trace.open_records(shop.path) as records:
        assert trace.find(records, "ID-new") is None
        assert trace.missing(records, "ID-new").code == "SL-OBS-10"


def test_commands_and_failures_are_told_on_the_way(basket):
    log = basket.log
    with log.transaction():
        log.push("ID-label", basket.seqs["label"], "esl", "label.update", micros(START))
        log.settle("ID-label", "dead", 8, micros(START), "gateway: timed out")
        log.push("ID-order", basket.seqs["order"], "replenish", "order.propose", micros(START))
        log.settle("ID-order", "answered", 1, micros(START), '{"done":{"e":"sent"},"answers":[],"reason":"one of two"}')
        log.save_failure("forecast", micros(START), "ID-stock", "inventory.movement", "ZeroDivisionError")
        log.save_failure("forecast", micros(START), "ID-other", "pos.sale", "another")
    stock, label, order = way(basket, "sale").steps[1:4]
    assert label.command == ("dead", 8, "gateway: timed out") and stock.command is None
    assert order.command == ("answered", 1, "one of two"), "under way the note is the outbox's own JSON"
    assert stock.failures == [("forecast", "inventory.movement", "ZeroDivisionError")] and label.failures == []


def test_a_cause_that_was_compacted_away_is_told_and_the_rest_stands(basket):
    basket.log.forget(basket.seqs["stock"], 100)
    found = way(basket, "label")
    assert drawn(found) == [("stock", 0), ("label", 1), ("order", 1)]
    assert found.lost == basket.seqs["sale"]


def test_how_far_it_looked_is_told(basket):
    found = way(basket, "sale", look_ahead=3)
    assert drawn(found) == [("sale", 0), ("stock", 1), ("points", 1)]
    assert (found.looked, found.last) == (4, 7)
    found = way(basket, "order", look_ahead=3)
    assert drawn(found) == [("sale", 0), ("stock", 1), ("order", 2), ("points", 1)], "the event asked for is there all the same"
    assert way(basket, "sale").looked == 7


def test_a_tree_too_large_is_cut_and_says_so(shop, monkeypatch):
    monkeypatch.setattr(trace, "MOST_EVENTS", 5)
    monkeypatch.setattr(trace, "SLICE", 2)
    shop.add("root")
    for number in range(4):
        shop.add(f"e{number}", "root")
    assert not way(shop, "root").more and len(way(shop, "root").steps) == 5
    shop.add("e4", "root")
    found = way(shop, "root")
    assert found.more and [name for name, _ in drawn(found)] == ["root", "e0", "e1", "e2", "e3"]
    assert ("e4", 1) in drawn(way(shop, "e4"))


def test_a_chain_of_a_thousand_is_no_deeper_than_the_page(shop):
    with shop.log.transaction():
        for number in range(999):
            at = START + timedelta(seconds=number)
            shop.log.append(Event("pos.sale", at, {"name": str(number)}, f"ID-{number}", "s1", "a", at), 0, number)
    found = way(shop, "500")
    assert [step.depth for step in found.steps] == list(range(999))
    assert len(json.dumps(trace.as_json(found))) > 0


def test_json_tells_all_of_it_and_leaves_the_data_out_on_demand(basket):
    told = trace.as_json(way(basket, "label"))
    assert told["asked"] == 5 and told["began"] == "2026-03-02T10:00:00Z"
    assert told["events"][2] == {
        "seq": 5,
        "id": "ID-label",
        "stream": "label.update",
        "source": "esl",
        "time": "2026-03-02T10:00:02.25Z",
        "received": "2026-03-02T10:00:02.25Z",
        "delay_s": 2.25,
        "cause": 2,
        "depth": 2,
        "data": {"name": "label"},
    }
    assert "data" not in json.dumps(trace.as_json(way(basket, "label"), data=False))


def test_it_works_beside_the_store_that_writes_and_on_the_store_s_own_connection(basket):
    basket.log.begin()
    basket.log.append(Event("pos.sale", START, {"name": "open"}, "ID-open", "s1", "a", START), 0, basket.seqs["sale"])
    assert drawn(way(basket, "sale")) == TREE, "what is not committed is not seen"
    basket.log.commit()
    assert len(way(basket, "sale").steps) == 6
    assert trace.find(basket.log, "ID-sale").seq == 1


def test_a_damaged_record_is_told_not_traced(basket):
    basket.log.run("UPDATE log SET data = '{}' WHERE seq = 5")
    with pytest.raises(LogFault, match="SL-LOG-02"):
        way(basket, "sale")


def test_no_log_is_named(tmp_path):
    with pytest.raises(LogFault, match=r"store\.db"), trace.open_records(tmp_path / "store.db"):
        pass


def test_the_reader_that_others_use_is_a_records(basket):
    reader = LogReader(basket.path)
    try:
        assert trace.find(reader, "#1").event["name"] == "sale"
    finally:
        reader.close()
