"""Register maps: values out of words in every order, and the fewest requests that read them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Refused, Span
from storeloom.hardware_adapters.links.register_map import Bounded, Plan, Register, joined, with_map

# pi as an IEEE 754 single is 40 49 0F DB.
ORDERS = {
    ("big", "big"): [0x4049, 0x0FDB],
    ("little", "big"): [0x0FDB, 0x4049],
    ("big", "little"): [0x4940, 0xDB0F],
    ("little", "little"): [0xDB0F, 0x4940],
}


@pytest.mark.parametrize(("orders", "words"), ORDERS.items())
def test_a_float_is_read_and_written_in_every_order_of_words_and_bytes(orders: tuple[str, str], words: list[int]) -> None:
    one = Register(type="float32", word_order=orders[0], byte_order=orders[1])
    assert one.value(words) == pytest.approx(3.14159274, abs=1e-8)
    assert one.words(3.14159274) == words


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("int16", [0xFFFE], -2.0),
        ("uint16", [0xFFFE], 65534.0),
        ("int32", [0xFFFF, 0xFFFE], -2.0),
        ("uint32", [0x0001, 0x0000], 65536.0),
        ("int64", [0, 0, 1, 0], 65536.0),
        ("uint64", [0, 1, 0, 0], 2.0**32),
        ("float64", [0x400C, 0, 0, 0], 3.5),
    ],
)
def test_each_type(kind: str, words: list[int], value: float) -> None:
    one = Register(type=kind)
    assert one.value(words) == value
    assert one.words(value) == words


def test_scale_offset_bits_and_what_stands_for_none() -> None:
    assert Register(scale=0.1, offset=-40).value([613]) == 21.3
    assert Register(scale=0.1, offset=-40).words(21.3) == [613]
    assert [Register(bit=bit).value([0b100]) for bit in (1, 2)] == [0.0, 1.0]
    assert Register(missing=[-32768]).value([0x8000]) is None
    assert Register(type="float32").value([0x7FC0, 0]) is None
    with pytest.raises(DeviceError, match="70000 does not fit into uint16"):
        Register(type="uint16").words(70000)


def test_a_power_of_ten_stands_in_a_register_of_its_own() -> None:
    plan = Plan({"w": Register(address=18, scale_at=22)}, ModbusConfig(), base=40069)
    assert plan.spans == [Span("holding", 40087, 1), Span("holding", 40091, 1)]
    assert plan.values([[4200], [0xFFFE]]) == {"w": 42.0}
    assert plan.values([[4200], [0x8000]]) == {"w": None}


def test_registers_counted_from_one_are_one_less_on_the_wire() -> None:
    config = ModbusConfig(count_from=1)
    assert Plan({"kwh": Register(address=3204, type="int64")}, config).spans == [Span("holding", 3203, 4)]
    with pytest.raises(DeviceError, match="there is no register 0"):
        Plan({"kwh": Register(address=0)}, config)


def test_neighbours_are_read_together_and_no_value_is_cut_in_two() -> None:
    floats = [Span("holding", start, 2) for start in range(0, 200, 2)]
    assert joined(floats, 125, 0) == [Span("holding", 0, 124), Span("holding", 124, 76)]
    apart = [Span("holding", 0, 2), Span("holding", 5, 1), Span("input", 2, 1)]
    assert joined(apart, 125, 0) == apart
    assert joined(apart, 125, 3) == [Span("holding", 0, 6), Span("input", 2, 1)]


SPANS = st.lists(st.builds(Span, st.sampled_from(("holding", "coil")), st.integers(0, 400), st.integers(1, 4)), max_size=40)


@given(SPANS, st.integers(4, 125), st.integers(0, 10))
def test_what_is_joined_holds_all_that_is_wanted_and_no_request_is_too_long(wanted: list[Span], most: int, gap: int) -> None:
    spans = joined(wanted, most, gap)
    assert all(one.count <= most for one in spans if one.kind == "holding")
    for one in wanted:
        assert any(s.kind == one.kind and s.address <= one.address and one.address + one.count <= s.address + s.count for s in spans)
    assert len(spans) <= len(set(wanted))


def test_a_refused_span_refuses_its_values_alone() -> None:
    plan = Plan({"a": Register(address=0), "b": Register(address=9)}, ModbusConfig())
    values = plan.values([[7], Refused(2)])
    assert values["a"] == 7.0
    assert isinstance(values["b"], Refused)


def test_bounds_are_those_of_the_value() -> None:
    one = Bounded(low=-40, high=60)
    assert [one.can_be(value) for value in (-40.0, 60.0, 60.1, -41.0)] == [True, True, False, False]


def test_a_map_gives_way_to_what_the_config_sets() -> None:
    from storeloom.hardware_adapters.meter.modbus_meter import MAPS, ModbusMeter

    taken = with_map(ModbusMeter.Config(map="eastron_sdm630", unit_id=7), MAPS)
    assert (taken.unit_id, taken.most_registers, taken.points[0].total.address) == (7, 60, 0x48)
    assert with_map(ModbusMeter.Config(map="eastron_sdm630", most_registers=10), MAPS).most_registers == 10


@pytest.mark.parametrize("kind", ["meter", "sensor"])
def test_every_published_map_can_be_chosen_and_fits_its_driver(kind: str) -> None:
    import importlib
    import typing

    module = importlib.import_module(f"storeloom.hardware_adapters.{kind}.modbus_{kind}")
    config = next(
        one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__ and hasattr(one, "kind")
    ).Config
    files = {one.stem for one in Path(module.MAPS).glob("*.json")}
    assert set(typing.get_args(config.model_fields["map"].annotation)) == files
    for name in files:
        assert with_map(config(map=name), module.MAPS).points
