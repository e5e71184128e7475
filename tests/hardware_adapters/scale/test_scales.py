"""Two serial scale protocols: bytes as their manuals write them, units, what is told and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.scale.sics_scale import SicsScale
from storeloom.hardware_adapters.scale.sics_scale_twin import SicsScaleTwin
from storeloom.hardware_adapters.scale.toledo_scale import ToledoScale
from storeloom.hardware_adapters.scale.weighing import Weighing, grams

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Line:
    """A line that gives set answers to requests, and keeps what was written."""

    place, timeout_s = "/dev/scale", 0.2

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self.answers, self.written, self._next = answers, [], b""  # type: ignore[var-annotated]

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self._next = self.answers.get(data, b"")

    def drop_input(self) -> None:
        self._next = b""

    def read_until(self, end: bytes, timeout_s: float | None = None) -> bytes:
        head, found, self._next = self._next.partition(end)
        if not found:
            raise DeviceError(Code.TIMEOUT, "did not answer in time", "未应答")
        return head + found


def sics(answers: Mapping[bytes, bytes] | None = None, **settings: Any) -> tuple[SicsScale, Line]:
    return SicsScale("scale-1", SicsScale.Config(**settings)), Line(answers or {})


def weighed(answer: bytes, tare: bytes = b"TA A       0.00 g\r\n") -> Weighing:
    scale, line = sics({b"SI\r\n": answer, b"TA\r\n": tare})
    return scale.weigh(line)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "net_g", "stable"),
    [
        (b"S S     100.00 g\r\n", 100.0, True),  # the manual's example
        (b"S D      1.2345 kg\r\n", 1234.5, False),
        (b"S S      -0.50 g\r\n", -0.5, True),
        (b"S S      2.00 lb\r\n", 907.18474, True),
        (b"S S      1.00 oz\r\n", 28.349523125, True),
        (b"S I\r\n", None, False),
    ],
)
def test_mt_sics_weights(answer: bytes, net_g: float | None, stable: bool) -> None:
    found = weighed(answer)
    assert found.net_g == (None if net_g is None else pytest.approx(net_g, rel=1e-12))
    assert (found.stable, found.outside) == (stable, "")


@pytest.mark.parametrize(("answer", "outside"), [(b"S +\r\n", "overload"), (b"S -\r\n", "underload")])
def test_mt_sics_out_of_range(answer: bytes, outside: str) -> None:
    assert weighed(answer) == Weighing(None, False, 0.0, None, outside)


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (b"EL\r\n", Code.FAILURE, "the scale cannot carry the command out SI"),
        (b"ET\r\n", Code.FAILURE, "the scale got a garbled command SI"),
        (b"S S  12.x0 g\r\n", Code.FAILURE, "the scale answers what is no MT-SICS: 'S S  12.x0 g'"),
        (b"S S   12.00 st\r\n", Code.FAILURE, "the scale answers what is no MT-SICS: '12.00 st'"),
        (b"", Code.TIMEOUT, "did not answer in time"),
    ],
)
def test_mt_sics_answers_that_are_no_weight(answer: bytes, code: Code, words: str) -> None:
    with pytest.raises(DeviceError) as caught:
        weighed(answer)
    assert (caught.value.code, caught.value.words["en"]) == (code, words)


def test_mt_sics_tare_is_net_and_gross() -> None:
    scale, line = sics({b"SI\r\n": b"S S     250.00 g\r\n", b"TA\r\n": b"TA A      12.50 g\r\n"})
    (fact,) = scale._reading(scale.weigh(line))  # type: ignore[arg-type]
    assert fact.data == {"scale": "scale-1", "weight_g": 250.0, "stable": True, "tare_g": 12.5, "gross_g": 262.5, "zero": False}


def test_mt_sics_level_0_knows_no_tare() -> None:
    scale, line = sics({b"SI\r\n": b"S S     250.00 g\r\n", b"TA\r\n": b"ES\r\n"})
    assert scale.weigh(line).tare_g is None  # type: ignore[arg-type]
    scale._tare_at = 0.0
    scale.weigh(line)  # type: ignore[arg-type]
    assert line.written == [b"TA\r\n", b"SI\r\n", b"SI\r\n"]


def test_mt_sics_presets_the_tare_in_the_scales_own_unit() -> None:
    answers = {
        b"SI\r\n": b"S S     0.2500 kg\r\n",
        b"TA\r\n": b"ES\r\n",
        b"TA 0.0125 kg\r\n": b"TA A     0.0125 kg\r\n",
        b"TAC\r\n": b"TAC A\r\n",
        b"TA 99 kg\r\n": b"TA L\r\n",
    }
    scale, line = sics(answers)
    scale.weigh(line)  # type: ignore[arg-type]
    scale.preset_tare(line, 12.5)  # type: ignore[arg-type]
    assert line.written[-1] == b"TA 0.0125 kg\r\n"
    scale.preset_tare(line, 0)  # type: ignore[arg-type]
    assert line.written[-1] == b"TAC\r\n"
    with pytest.raises(DeviceError, match="the value is not allowed"):
        scale.preset_tare(line, 99_000)  # type: ignore[arg-type]


def test_mt_sics_says_what_it_is() -> None:
    answers = {
        b"I4\r\n": b'I4 A "0123456789"\r\n',
        b"I2\r\n": b'I2 A "XS204 Excellence 220.0090 g"\r\n',
        b"I3\r\n": b"ES\r\n",
        b"Z\r\n": b"Z A\r\n",
    }
    scale, line = sics(answers, zero_at_start=True)
    assert scale.greet(line) == {"serial": "0123456789", "model": "XS204 Excellence 220.0090 g"}  # type: ignore[arg-type]
    assert line.written == [b"@\r\n", b"I4\r\n", b"I2\r\n", b"I3\r\n", b"Z\r\n"]
    line.answers = {**answers, b"Z\r\n": b"Z +\r\n"}
    with pytest.raises(DeviceError, match="above its range"):
        scale.greet(line)  # type: ignore[arg-type]


def test_a_reading_is_told_on_a_change_alone_or_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    scale, _ = sics(change_g=2, again_s=30)
    clock = 1000.0
    monkeypatch.setattr("storeloom.hardware_adapters.scale.weighing.time.monotonic", lambda: clock)

    def told(net_g: float | None, stable: bool = True, outside: str = "") -> list[Mapping[str, Any]]:
        return [one.data for one in scale._reading(Weighing(net_g, stable, outside=outside))]

    assert [one["weight_g"] for one in told(100)] == [100]
    assert told(101.9) == []
    assert [one["weight_g"] for one in told(102)] == [102]
    assert told(None, False) == [{"scale": "scale-1", "weight_g": 102, "stable": False}]
    assert told(None, False, "overload") == [{"scale": "scale-1", "weight_g": 102, "stable": False, "overload": True}]
    assert len(told(102)) == 1
    clock += 29
    assert told(102) == []
    clock += 1
    assert len(told(102)) == 1


def test_a_scale_over_its_range_is_degraded_until_it_is_not() -> None:
    scale, _ = sics()
    assert [one.data["state"] for one in scale.tell("online")] == ["online"]
    (told,) = scale._standing(Weighing(None, False, outside="overload"))
    assert (told.data["state"], told.data["code"], told.data["text"]) == ("degraded", "overload", "more weight than the scale can take")
    assert list(scale._standing(Weighing(None, False, outside="overload"))) == []
    assert [one.data["state"] for one in scale._standing(Weighing(10.0, True))] == ["online"]


def test_a_weighing_shelf_tells_its_changes_and_counts_pieces() -> None:
    scale, _ = sics(fixture="F1", slot="3", gtin="6901234567892", piece_g=250)
    shelf = {"fixture": "F1", "slot": "3", "stable": True, "gtin": "6901234567892"}
    readings: Iterator[Any] = (fact.data for weight in (2500.0, 2001.0) for fact in scale._reading(Weighing(weight, True)))
    assert list(readings) == [
        {**shelf, "weight_g": 2500.0, "delta_g": 0.0, "qty": 10},
        {**shelf, "weight_g": 2001.0, "delta_g": -499.0, "qty": 8},
    ]
    assert list(scale._reading(Weighing(1000.0, False))) == []


def test_a_command_without_a_tare_is_refused() -> None:
    scale, _ = sics()
    command = {"label": "scale-1", "version": "1", "template": "plu", "fields": {"name": "苹果", "price": 990}}
    with pytest.raises(DeviceError) as caught:
        scale.command("label.update", command, NOW)
    assert caught.value.code is Code.ILLEGAL
    assert caught.value.words["zh"] == "本秤仅支持设置 tare_g（不小于 0 的克数），收到：name、price"


def test_a_scale_that_sends_by_itself_takes_commands_in_between() -> None:
    with SicsScaleTwin() as twin:
        rig = Rig(SicsScale("unit-1", SicsScale.Config(**{**twin.settings(), "mode": "stream"})))
        try:
            twin.gross_g = 480.0
            assert rig.wait_for(lambda: any(one.data.get("weight_g") == 480.0 for one in rig.facts), 5.0)
            assert twin.streaming
            assert rig.send(*twin.command(0), 5.0) is None
            assert rig.wait_for(lambda: any(one.data.get("weight_g") == 467.5 for one in rig.facts), 5.0)
            assert rig.state() == "online"
        finally:
            rig.close(5.0)


def toledo(answer: bytes, **settings: Any) -> Weighing:
    scale = ToledoScale("scale-1", ToledoScale.Config(**settings))
    line = Line({b"W": answer})
    found = scale.weigh(line)  # type: ignore[arg-type]
    assert line.written == [b"W"]
    return found


def test_8217_weights() -> None:
    assert toledo(b"\x0201.234\r") == Weighing(1234.0, True, None, False)
    assert toledo(b"\x0200.000\r") == Weighing(0.0, True, None, True)
    assert toledo(b"\x0201.234N\r").zero is None  # net: zero says nothing of the pan
    assert toledo(b"\x02002.00\r", unit="lb").net_g == pytest.approx(907.18474)
    assert toledo(b"\x00\xfe\x0201.000\r").net_g == 1000.0  # noise before the STX


@pytest.mark.parametrize(
    ("byte", "outside"),
    [(0x41, ""), (0xC1 | 0x80, ""), (0x42, "overload"), (0x44, "underload"), (0x43, "overload")],
)
def test_8217_status_bytes(byte: int, outside: str) -> None:
    assert toledo(b"\x02?" + bytes([byte]) + b"\r") == Weighing(None, False, None, None, outside)


@pytest.mark.parametrize("answer", [b"\x02?\x01\r", b"\x021234\r", b"\x02\r", b"hello\r"])
def test_8217_answers_that_are_none(answer: bytes) -> None:
    with pytest.raises(DeviceError) as caught:
        toledo(answer)
    assert caught.value.code is Code.FAILURE


def test_8217_tare_is_five_digits() -> None:
    ok = b"\x02?\x60\r"
    for unit, tare_g, sent in (("kg", 250, b"T00250"), ("lb", 250, b"T00055"), ("kg", 0, b"C")):
        line = Line({sent: ok})
        ToledoScale("scale-1", ToledoScale.Config(unit=unit)).preset_tare(line, tare_g)  # type: ignore[arg-type]
        assert line.written == [sent]
    scale = ToledoScale("scale-1", ToledoScale.Config())
    with pytest.raises(DeviceError, match="in motion"):
        scale.preset_tare(Line({b"T00250": b"\x02?\x41\r"}), 250)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="does not fit"):
        scale.preset_tare(Line({}), 100_000)  # type: ignore[arg-type]


def test_grams() -> None:
    assert (grams("1.5", "kg"), grams("2", "LB"), grams("500", "mg")) == (1500.0, 907.18474, 0.5)
    with pytest.raises(ValueError, match="is none of g, kg"):
        grams("1", "st")
