"""What a host writes comes over as it was, or is refused with the reason: it is a vendor's process and may write anything."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.events import Out
from storeloom.core.runtime import wire
from storeloom.core.runtime.runner import AlarmRow, Changes


def answer() -> wire.Answer:
    changes = Changes([("a", b'{"x":[1,2.5,null]}'), ("b", None)], [("2026-03-02", b'{"seen":{"sum":3}}')], [("tick", b"12")])
    changes.alarms = [AlarmRow("grace", "s1", 77, b'{"v":1}', 4), AlarmRow("grace", "s2", None, b"{}", 0)]
    answers = [("follow", [Out("alert.raise", {"text": "热"})])]
    return wire.Answer(answers, changes, {"tick": (12, 13)}, 99, None, [(20, "hello")], ["Landlock"])


def test_an_answer_comes_over_as_it_was_and_its_alarms_carry_the_calls_cause():
    given_, got = answer(), wire.from_json(wire.to_json(5, answer()), 5, 4)
    given_.changes.alarms[1] = given_.changes.alarms[1]._replace(cause=4)
    assert got == given_
    problem = wire.Answer(problem={"text": "bad"}, clock=1)
    assert wire.from_json(wire.to_json(6, problem), 6, 0) == problem


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n": 4}, "it answers call 4, not 5"),
        ({"clock": -1}, "no instant: '-1'"),
        ({"clock": True}, "no instant: 'True'"),
        ({"ticks": {"tick": [13, 13]}}, "the instants of 'tick' do not rise"),
        ({"ticks": []}, "ticks is no object"),
        ({"answers": [["follow"]]}, "answers has an element that is no list of 2"),
        ({"answers": [["follow", [["alert.raise", []]]]]}, "data is no object"),
        ({"answers": [[5, []]]}, "no text of at most 4096 characters: '5'"),
        ({"state": [["a", 1]]}, "state has an element that is no list of 3"),
        ({"figures": [["2026-03-02", {"seen": {"sum": "3"}}, False]]}, "no figure: {'sum': '3'}"),
        ({"figures": [["2026-03-02", {"seen": {"how": "p200", "n": 1, "total": 1, "values": [1]}}, False]]}, "no figure"),
        ({"fired": [["tick", "now", False]]}, "no instant: 'now'"),
        ({"alarms": [["grace", "s1", 1 << 62, {}]]}, "no instant"),
        ({"alarms": [["grace", "s1", 1, 5]]}, "alarm data is no object"),
        ({"lines": [[999, "x"]]}, "a log line has no level"),
        ({"problem": "bad"}, "problem is no object"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_the_reason(change, reason):
    body = orjson.dumps(orjson.loads(wire.to_json(5, answer())) | change)
    with pytest.raises(wire.WireFault) as caught:
        wire.from_json(body, 5, 4)
    assert reason in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = ["n", "clock", "ticks", "answers", "state", "figures", "fired", "alarms", "lines", "troubles", "problem"]


@given(st.dictionaries(st.sampled_from(keys), json_values, max_size=3))
def test_whatever_a_host_writes_is_an_answer_or_a_wire_fault(change):
    try:
        wire.from_json(orjson.dumps(orjson.loads(wire.to_json(5, answer())) | change), 5, 4)
    except wire.WireFault:
        return


@given(st.binary(max_size=200), st.integers(1, 40))
def test_frames_come_together_from_any_pieces(body, size):
    incoming = wire.Incoming(1 << 20)
    data = wire.framed(body) + wire.framed(b"next")
    for start in range(0, len(data), size):
        incoming.add(data[start : start + size])
    assert [incoming.next(), incoming.next(), incoming.next()] == [body, b"next", None]


def test_a_breach_that_a_host_reports_is_worded_here_and_cannot_speak_for_another():
    told = {"code": "SL-RUN-01", "args": {"instance": "till_watch", "stream": "pos.sale", "known": ["alert.raise"]}}
    assert wire.contract_fault("w1", told).findings[0].text() == "w1 put out pos.sale, which it does not declare."
    assert wire.contract_fault("w1", {"code": "SL-LOG-01", "args": {}}) is None
    assert wire.contract_fault("w1", {"code": "SL-RUN-01", "args": {}}) is None
    assert wire.contract_fault("w1", {"code": ["x"], "args": {}}) is None
