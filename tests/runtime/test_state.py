"""State between handlers: plain JSON by key, no key reaches into another."""

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
