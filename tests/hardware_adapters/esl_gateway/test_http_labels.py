"""The label gateway over HTTP: refusals in words, answers confirmed only once they are stored."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.esl_gateway.http_labels import HttpLabels
from storeloom.hardware_adapters.esl_gateway.http_labels_twin import TOKEN, HttpLabelsTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError

for library in ("httpx", "waitress", "PIL"):
    pytest.importorskip(library)
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def twin() -> Iterator[HttpLabelsTwin]:
    with HttpLabelsTwin() as one:
        yield one


def driver(twin: HttpLabelsTwin, token: str = TOKEN, **settings: Any) -> HttpLabels:
    one = HttpLabels("unit-1", HttpLabels.Config(**{**twin.settings(), **settings}))
    one.context = AdapterContext(secrets={"labels": token})
    return one


def test_health_says_model_and_firmware(twin: HttpLabelsTwin) -> None:
    assert driver(twin).check_health().facts == {"model": "twin", "firmware": "2.4.0"}


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("busy", Code.BUSY, "is busy (HTTP 503)"),
        ("checksum", Code.FAILURE, "answers with no JSON"),
        ("refuse", Code.NO_HARDWARE, "refuses connections"),
        ("silent", Code.TIMEOUT, "did not answer in time"),
        ("reset", Code.OFFLINE, "broke the connection off"),
    ],
)
def test_refusals_in_words(twin: HttpLabelsTwin, fault: str, code: Code, words: str) -> None:
    twin.play(fault)
    one = driver(twin)
    with pytest.raises(DeviceError) as caught:
        one.command(*twin.command(1), NOW)
    assert caught.value.code is code
    assert caught.value.words["en"] == f"{one.config.address} {words}"


def test_a_wrong_token_is_told_without_the_token(twin: HttpLabelsTwin) -> None:
    health = driver(twin, token="wr0ng").check_health()
    assert not health.ok and "wr0ng" not in str(health)
    assert health.words["zh"].endswith("拒绝该令牌（HTTP 401）")


def test_an_answer_is_confirmed_only_once_it_is_stored(twin: HttpLabelsTwin) -> None:
    class Later:
        """Undecided as long as the store runs."""

        def wait(self, timeout_s: float | None = None) -> bool | None:
            one.stopping.set()

    def next_ack(facts: Generator[Fact, Any, None], receipt: Any) -> Fact:
        while True:
            fact = facts.send(receipt)
            if fact.stream == "label.ack":
                return fact

    one = driver(twin)
    one.command(*twin.command(1), NOW)
    ack = next_ack(one.facts(), None)
    assert (ack.data["label"], ack.data["state"], ack.data["cmd"]) == ("L1", "shown", "c1")
    one = driver(twin)
    facts = one.facts()
    next_ack(facts, None)
    with pytest.raises(StopIteration):
        facts.send(Later())
    again = driver(twin)
    assert next_ack(again.facts(), None).data == ack.data
