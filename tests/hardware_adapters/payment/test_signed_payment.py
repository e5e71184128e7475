"""Payments: asked for once, told once by whichever way comes first, and never with a card number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_listener import Incoming, Refused
from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.payment.signed_payment import SignedPayment
from storeloom.hardware_adapters.payment.signed_payment_twin import SignedPaymentTwin

CARD, AT = "4111 1111 1111 1111", datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def twin() -> Iterator[SignedPaymentTwin]:
    with SignedPaymentTwin() as one:
        yield one


@pytest.fixture
def driver(twin: SignedPaymentTwin) -> Iterator[SignedPayment]:
    one = made(twin)
    yield one
    one.close()


def made(twin: SignedPaymentTwin, **more: Any) -> SignedPayment:
    one = SignedPayment("pay-1", SignedPayment.Config(**{**twin.settings(), **more}))
    one.context = AdapterContext(secrets=dict(twin.secrets()))
    return one


def ask(driver: SignedPayment, **more: Any) -> dict[str, Any]:
    data = {"payment": "P1", "amount": 1250, "receipt": "70001", "cmd": "c1", **more}
    return next(one.data for one in driver.command("payment.request", data, AT) if one.stream == "payment.result")


def test_an_amount_is_asked_for_once_however_often_the_command_comes(twin: SignedPaymentTwin) -> None:
    for _ in range(2):  # a store that was started anew remembers nothing of it
        driver = made(twin)
        for _ in range(2):
            found = ask(driver)
        driver.close()
    assert len(twin.took()) == 1
    wanted = {
        "payment": "P1",
        "status": "approved",
        "amount": 1250,
        "method": "qr",
        "receipt": "70001",
        "ref": "tx-P1",
        "payer": "tok_9f2c",
    }
    assert found == wanted


def test_an_answer_that_is_lost_is_asked_for_again_with_the_same_key(twin: SignedPaymentTwin, driver: SignedPayment) -> None:
    twin.play("cut")
    with pytest.raises(DeviceError):
        ask(driver)
    twin.mend()
    assert ask(driver)["status"] == "approved" and len(twin.took()) == 1


@pytest.mark.parametrize("spoilt", [{"receipt": CARD}, {"payment": "5555555555554444"}, {"note": {"pan": 378282246310005}}])
def test_a_card_number_does_not_go_out(twin: SignedPaymentTwin, driver: SignedPayment, spoilt: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="card number") as caught:
        ask(driver, **spoilt)
    assert caught.value.code is Code.ILLEGAL and twin.took() == []
    assert "1111" not in f"{caught.value}{caught.value.words}"


def test_a_card_number_in_an_answer_is_refused(twin: SignedPaymentTwin, driver: SignedPayment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin, "reply", lambda _: Told(201, {"status": "succeeded", "card": CARD}))
    with pytest.raises(DeviceError, match="card number") as caught:
        ask(driver)
    assert "1111" not in f"{caught.value}{caught.value.words}"


def heard(driver: SignedPayment, **data: Any) -> list[dict[str, Any]]:
    content = {"type": "payment.result", "timestamp": "2026-03-02T10:00:00Z", "data": {"payment": "P1", "amount": 5, **data}}
    return [one.data for one in driver.heard(Incoming("m1", AT, content, {}))]


def test_a_webhook_with_a_card_number_is_refused_and_other_fields_are_left_out(driver: SignedPayment) -> None:
    with pytest.raises(Refused, match="card number"):
        heard(driver, status="approved", card_number=CARD)
    assert heard(driver, status="captured", phone="13800138000") == [{"payment": "P1", "amount": 5, "status": "approved", "method": "qr"}]


def test_what_a_webhook_told_a_poll_tells_not_again(
    twin: SignedPaymentTwin, driver: SignedPayment, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"status": "processing"}
    monkeypatch.setattr(twin, "reply", lambda asked: Told(200, {"payment": "P1", **state}))
    assert ask(driver)["status"] == "pending"
    assert list(driver.look()) == []
    state["status"] = "failed"
    found = list(driver.look())
    assert [one.data["status"] for one in found] == ["declined"]
    assert list(driver.look()) == found, "what is not stored yet is told again"
    driver.stored(found[0])
    assert heard(driver, status="failed", amount=1250) == []


def test_a_payment_that_never_came_to_the_service_stays_open(twin: SignedPaymentTwin, driver: SignedPayment) -> None:
    twin.play("busy")
    with pytest.raises(DeviceError) as caught:
        ask(driver)
    assert caught.value.code is Code.BUSY
    twin.mend()
    driver.client._not_before = 0.0
    assert list(driver.look()) == [] and ask(driver)["status"] == "approved"


def test_a_request_that_is_over_is_declined_and_not_sent(twin: SignedPaymentTwin, driver: SignedPayment) -> None:
    found = ask(driver, expires="2026-03-02T09:59:00Z")
    assert (found["status"], found["code"], found["hard"], twin.took()) == ("declined", "expired", True, [])


@pytest.mark.parametrize("answer", [{"status": "maybe"}, {"payment": "P2", "status": "paid"}, {"status": "paid", "amount": "12.50"}, []])
def test_an_answer_that_makes_no_result_is_a_failure(twin: SignedPaymentTwin, driver: SignedPayment, answer: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(twin, "reply", lambda _: Told(200, answer))
    with pytest.raises(DeviceError) as caught:
        ask(driver)
    assert caught.value.code is Code.FAILURE


def test_the_same_command_is_not_carried_out_twice_at_once(twin: SignedPaymentTwin, driver: SignedPayment, monkeypatch: Any) -> None:
    go, began = threading.Event(), threading.Event()

    def slowly(asked: Asked) -> Told:
        began.set()
        go.wait(0.3)
        return Told(201, {"status": "paid"})

    monkeypatch.setattr(twin, "reply", slowly)
    thread = threading.Thread(target=ask, args=(driver,))
    thread.start()
    began.wait(2)
    with pytest.raises(DeviceError, match="being carried out"):
        ask(driver)
    go.set()
    thread.join()
