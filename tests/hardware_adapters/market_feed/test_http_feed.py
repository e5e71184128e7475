"""Price feeds: fetched when they changed, told when a row did; a key in the address stands in no error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.market_feed.http_feed import HttpFeed
from storeloom.hardware_adapters.market_feed.http_feed_twin import HttpFeedTwin


@pytest.fixture
def twin() -> Iterator[HttpFeedTwin]:
    with HttpFeedTwin() as one:
        yield one


def made(twin: HttpFeedTwin, **more: object) -> HttpFeed:
    driver = HttpFeed("m-1", HttpFeed.Config(**{**twin.settings(), **more}))
    driver.context = AdapterContext(secrets={"key": "feed-key-77"})
    return driver


def test_rows_are_told_as_they_change_and_a_bad_one_hides_no_other(twin: HttpFeedTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [b"1,9.90", b"1,9.90\nc,2,cheap", b"1,9.90\nc,2,5.00", b"1,8.90\nc,2,5.00"]
    monkeypatch.setattr(twin, "reply", lambda _: Told(200, TEXT % bodies.pop(0), {"Content-Type": "text/csv"}))
    driver = made(twin, fixed={"source": "web", "seen": "2026-03-02T10:00:00Z"})
    told = [[(one.data["gtin"], one.data["price"]) for one in driver.look()] for _ in range(4)]
    assert told == [[("1", 990)], [], [("2", 500)], [("1", 890)]]
    driver.close()


TEXT = b"competitor,gtin,price\nc,%s\n"


def test_a_key_in_the_address_is_sent_and_never_told(twin: HttpFeedTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []

    def reply(one: Asked) -> Told:
        asked.append(one)
        return Told(403, {"detail": "feed-key-77 is over"})

    monkeypatch.setattr(twin, "reply", reply)
    driver = made(twin, token="key", key_parameter="apikey", query={"city": "上海"})
    with pytest.raises(DeviceError) as caught:
        list(driver.look())
    assert dict(asked[0].query) == {"city": "上海", "apikey": "feed-key-77"} and "authorization" not in asked[0].headers
    assert "feed-key-77" not in str(caught.value.words) and "is over" in str(caught.value)
    driver.close()
