"""Signed services at work: states told in words, unknown fields left out, commands once, webhooks taken while the service is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.gate.http_gate import HttpGate
from storeloom.hardware_adapters.gate.http_gate_twin import HttpGateTwin
from storeloom.hardware_adapters.links.http_listener import Incoming, Refused
from storeloom.hardware_adapters.links.http_twin import Told
from storeloom.hardware_adapters.online_store.webhook_store import WebhookStore
from storeloom.hardware_adapters.online_store.webhook_store_twin import WebhookStoreTwin
from storeloom.hardware_adapters.tax.signed_invoice import SignedInvoice
from storeloom.hardware_adapters.tax.signed_invoice_twin import SignedInvoiceTwin

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
STATUS: dict[str, Any] = {"order": "W1", "status": "cancelled"}


def made(cls: Any, twin: Any, **more: Any) -> Any:
    one = cls("unit-1", cls.Config(**{**twin.settings(), **more}))
    one.context = AdapterContext(secrets=dict(twin.secrets()))
    return one


@pytest.fixture
def twin() -> Iterator[WebhookStoreTwin]:
    with WebhookStoreTwin() as one:
        yield one


@pytest.fixture
def driver(twin: WebhookStoreTwin) -> Iterator[WebhookStore]:
    one = made(WebhookStore, twin, types={"order/cancel": "order.status"})
    yield one
    one.close()


def heard(driver: WebhookStore, kind: Any, data: Any, time: str = "2026-03-02T10:00:00+08:00") -> Any:
    content = {"type": kind, "timestamp": time, "data": data}
    return next(iter(driver.heard(Incoming("m1", AT, content, {}))))


def test_a_webhook_becomes_a_fact_of_its_own_time_without_what_the_stream_does_not_declare(driver: WebhookStore) -> None:
    line = {"line": 1, "gtin": "06901234567892", "qty": 1, "price": 5, "amount": 5, "buyer_phone": "13800138000"}
    order = {"order": "W1", "channel": "app", "kind": "pickup", "lines": [line], "total": 5, "paid": True, "address": "某路 1 号"}
    fact = heard(driver, "order.placed", order)
    assert (fact.time, fact.key) == (datetime(2026, 3, 2, 2, tzinfo=UTC), "m1")
    assert "address" not in fact.data and set(fact.data["lines"][0]) == {"line", "gtin", "qty", "price", "amount"}
    assert heard(driver, "order/cancel", STATUS).stream == "order.status"


@pytest.mark.parametrize(
    ("kind", "data", "time", "words"),
    [
        ("device.status", STATUS, "2026-03-02T10:00:00Z", "no type"),
        ("payment.result", STATUS, "2026-03-02T10:00:00Z", "no type"),
        ("order.status", STATUS, "2026-03-02T10:00:00", "with a zone"),
        ("order.status", "W1", "2026-03-02T10:00:00Z", "an object"),
        ("order.status", {"order": "W1"}, "2026-03-02T10:00:00Z", "required"),
        ("order.status", {"order": "W1", "status": "13800138000"}, "2026-03-02T10:00:00Z", r"at status \(enum\)"),
    ],
)
def test_what_makes_no_sense_is_told_without_its_values(driver: WebhookStore, kind: str, data: Any, time: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        heard(driver, kind, data, time)
    assert "13800138000" not in str(caught.value.words)


def states(rig: Rig) -> list[tuple[str, str]]:
    return [(one.data["state"], one.data.get("code", "")) for one in rig.facts if one.stream == "device.status"]


def test_states_are_told_once_each_and_webhooks_come_while_the_service_is_away(twin: WebhookStoreTwin, driver: WebhookStore) -> None:
    rig = Rig(driver)
    try:
        assert rig.wait_for(lambda: states(rig) == [("online", "")], 5)
        before = len(states(rig))
        twin.play("refuse")
        assert rig.wait_for(lambda: states(rig)[before:] == [("offline", "no_hardware")], 5)
        twin.act(3)
        assert rig.wait_for(lambda: any(one.stream == "order.placed" for one in rig.facts), 5)
        twin.mend()
        assert rig.wait_for(lambda: states(rig)[before + 1 :] == [("online", "")], 5)
        twin.play("checksum")
        twin.act(4)
        assert rig.wait_for(lambda: states(rig)[-1] == ("degraded", "bad_message"), 5)
        twin.mend()
        twin.act(5)
        assert rig.wait_for(lambda: states(rig)[-1] == ("online", ""), 5)
    finally:
        assert rig.close(5)
    assert rig.faults == []


def test_webhooks_without_a_secret_are_not_taken(twin: WebhookStoreTwin) -> None:
    rig = Rig(made(WebhookStore, twin, webhook_secret=""))
    try:
        assert rig.wait_for(lambda: states(rig) == [("fault", "illegal")], 5)
    finally:
        assert rig.close(5)


def test_a_command_that_comes_again_goes_out_once(twin: WebhookStoreTwin, driver: WebhookStore) -> None:
    for _ in range(2):
        driver.command("order.status", {**STATUS, "cmd": "c1"}, AT)
    assert twin.took() == [{"type": "order.status", "timestamp": "2026-03-02T10:00:00Z", "data": STATUS}]


def test_a_gates_state_is_told_as_it_changes_and_its_command_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpGateTwin() as twin:
        driver, sound, word = made(HttpGate, twin, gate="door-2"), twin.reply, ["OPEN"]
        monkeypatch.setattr(twin, "reply", lambda one: Told(200, {"state": word[0]}) if one.method == "GET" else sound(one))
        told = [[fact.data for fact in driver.look()] for _ in range(2)]
        word[0] = "closed"
        told.append([fact.data for fact in driver.look()])
        assert told == [[{"gate": "door-2", "kind": "opened"}], [], [{"gate": "door-2", "kind": "closed"}]]
        driver.command("gate.open", {"gate": "door-2", "reason": "visit", "seconds": 3, "credential": "hash", "cmd": "c1"}, AT)
        assert twin.took() == [{"gate": "door-2", "seconds": 3, "reason": "visit", "cmd": "c1"}]
        driver.close()


@pytest.mark.parametrize(("said", "status"), [("accepted", "sent"), ("issued", "delivered"), ("failed", "failed")])
def test_an_invoice_is_asked_for_once_and_its_buyer_comes_back_in_nothing(said: str, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SignedInvoiceTwin() as twin:
        sound = twin.reply
        monkeypatch.setattr(twin, "reply", lambda one: Told(202, {"status": said, "title": "某公司"}) if sound(one) else Told())
        message = {"message": "invoice:7", "channel": "webhook", "to": "tax", "purpose": "tax", "template": "blue_invoice"}
        for _ in range(2):
            driver = made(SignedInvoice, twin)
            facts = list(driver.command("message.send", {**message, "params": {"title": "某公司", "total": 100}}, AT))
            assert [driver.serves("message.send", {**message, "purpose": one}) for one in ("tax", "service")] == [True, False]
            driver.close()
        assert [one.data for one in facts if one.stream == "message.outcome"] == [
            {"message": "invoice:7", "status": status, "channel": "webhook"}
        ]
        assert twin.took() == [{"invoice": "invoice:7", "template": "blue_invoice", "params": {"title": "某公司", "total": 100}}]
