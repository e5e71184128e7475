"""Receipts by signed webhook: stored before they are confirmed; card numbers and wrong sums refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.pos.http_push import HttpPush
from storeloom.hardware_adapters.pos.http_push_twin import HttpPushTwin

SALE = {
    "receipt": "R1", "kind": "sale", "till": "t1", "channel": "till", "total": 500, "phone": "13800000000",
    "lines": [{"line": 1, "gtin": "4901234567894", "qty": 2, "price": 250, "amount": 500}],
    "payments": [{"method": "card", "amount": 500, "payer": "tok_1"}],
}  # fmt: skip


@pytest.fixture
def till() -> Iterator[tuple[HttpPushTwin, Rig]]:
    with HttpPushTwin() as twin:
        driver = HttpPush("pos-1", HttpPush.Config(**twin.settings()))
        driver.context = AdapterContext(secrets=dict(twin.secrets()))
        rig = Rig(driver)
        assert rig.wait_for(lambda: rig.state() == "online", 5.0)
        yield twin, rig
        assert rig.close(5.0)


def push(twin: HttpPushTwin, data: dict[str, Any], message: str = "m1", **over: Any) -> int:
    return twin.post(message, orjson.dumps({"type": "pos.sale", "timestamp": "2026-03-02T10:05:00Z", "data": data, **over}))


def sales(rig: Rig) -> list[Any]:
    return [one for one in rig.facts if one.stream == "pos.sale"]


def test_a_receipt_is_stored_then_confirmed_and_a_repeat_is_told_by_its_key(till: tuple[HttpPushTwin, Rig]) -> None:
    twin, rig = till
    assert [push(twin, SALE), push(twin, SALE), push(twin, SALE, "m2")] == [200, 200, 200]
    first, second = sales(rig)
    assert (first.key, first.time) == (second.key, second.time) and first.key == "R1"
    assert first.data == {key: value for key, value in SALE.items() if key != "phone"}


@pytest.mark.parametrize(
    "over",
    [
        {"payments": [{"method": "card", "amount": 500, "ref": "4111 1111 1111 1111"}]},
        {"pan": "x"},
        {"total": 499},
        {"total": "5.00"},
        {"lines": [{"line": 1, "gtin": "4901234567894", "qty": 2}]},
    ],
)
def test_what_is_not_right_is_refused(till: tuple[HttpPushTwin, Rig], over: dict[str, Any]) -> None:
    twin, rig = till
    assert push(twin, {**SALE, **over}) == 422
    assert rig.wait_for(lambda: rig.state() == "degraded", 5.0) and sales(rig) == []
    assert not any("4111111111111111" in str(one.data).replace(" ", "") for one in rig.facts)


def test_another_type_is_refused(till: tuple[HttpPushTwin, Rig]) -> None:
    assert push(till[0], SALE, type="device.status") == 422
