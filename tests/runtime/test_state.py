"""State between handlers: plain JSON by key, no key reaches into another."""

import orjson
import pytest

from storeloom.core.runtime.state import State


@pytest.mark.parametrize("strict", [False, True])
def test_keys_that_were_filled_from_one_value_do_not_share_it(strict):
    state = State(strict=strict)
    state["need"] = {"09:00": 1}
    state.keep()
    state["plan"] = {"needs": state["need"]}
    state.keep()
    state["need"]["09:00"] = 2
    state.keep()
    assert state["plan"] == {"needs": {"09:00": 1}}
    assert state.snapshot() == {"need": {"09:00": 2}, "plan": {"needs": {"09:00": 1}}}


def test_what_a_failed_handler_touched_is_as_before():
    state = State({"kept": b"[1]"})
    state["kept"].append(2)
    state["new"] = 1
    del state["kept"]
    state.undo()
    assert dict(state) == {"kept": [1]} and state.changes() == []


def test_what_is_no_json_is_refused_and_named_by_its_type():
    state = State()
    state["x"] = {1, 2}
    with pytest.raises(TypeError, match="set"):
        state.keep()
    with pytest.raises(TypeError, match="state keys are text, got 7"):
        state[7] = 1


def test_what_was_not_used_lately_is_left_to_the_log(monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.state.RESIDENT", 1000)
    log = {}
    fetched = []

    def fetch(key):
        fetched.append(key)
        return log[key]

    def save(state):
        for key, data in state.changes():
            log.pop(key, None) if data is None else log.__setitem__(key, data)

    state = State(fetch=fetch)
    for number in range(100):
        state[f"k{number}"] = "x" * 40 + str(number)
        state.keep()
        save(state)
    assert sum(len(data) for data in state._bytes.values() if data) <= 1100, "the newest stay"
    assert len(state) == 100 and "k3" in state and next(iter(state)) == "k0" and fetched == []
    assert state["k3"] == "x" * 40 + "3" and fetched == ["k3"]
    state["k4"] = "new"
    del state["k5"]
    state.keep()
    save(state)
    assert "k5" not in log and log["k4"] == b'"new"' and "k5" not in state
    state["k6"] = "spoiled"
    state.undo()
    assert state["k6"] == "x" * 40 + "6"
    assert state.snapshot() == {key: orjson.loads(data) for key, data in log.items()} and len(log) == 99
