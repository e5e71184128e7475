from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.insight import attribution, contact_paths

WEEK, UNTIL = timedelta(days=7), datetime(2026, 2, 1, tzinfo=UTC)
CHANNELS = ("sms", "chat", "screen")


def day(number, hour=2):
    return f"2026-01-{number:02d}T{hour:02d}:00:00Z"


def sale(number, name="r1"):
    return [day(number), name, 1000, 400]


@pytest.mark.parametrize(
    ("names", "expected"),
    [((None, "sms"), "sms"), (("work_chat",), "chat"), (("screen_spring",), "screen"), (("smsx", "email"), None), (("x", "chat"), "chat")],
)
def test_channels_by_name_alias_and_campaign(names, expected):
    assert contact_paths.channel_of(names, CHANNELS) == expected


def test_paths_are_shortened():
    assert contact_paths.shortened(["a", "a", "b", "a", "a"], 20) == ("a", "b", "a")
    assert contact_paths.shortened(["a", "b", "c"], 2) == ("b", "c")


def closed(contacts, sales=(), until=UNTIL):
    found, rest = contact_paths.closed(contacts, sales, WEEK, until, 20)
    return [(path.channels, path.sale[1] if path.sale else None) for path in found], rest


def test_a_sale_closes_a_path_with_the_contacts_of_the_lookback():
    contacts = [[day(2), "sms", None], [day(9), "chat", None]]
    assert closed(contacts, [sale(16)])[0] == [(("chat",), "r1")]
    assert closed(contacts, [sale(9, "r1"), sale(10, "r2")])[0] == [(("sms", "chat"), "r1"), ((), "r2")]


def test_without_a_sale_a_path_is_lost_after_the_lookback():
    contacts = [[day(2), "sms", None], [day(9), "chat", None], [day(26), "sms", None]]
    assert closed(contacts) == ([(("sms", "chat"), None)], [[day(26), "sms", None]])
    assert closed(contacts, until=datetime(2026, 1, 20, tzinfo=UTC)) == ([(("sms", "chat"), None)], [[day(26), "sms", None]])


def test_a_coupon_used_on_a_receipt_comes_before_it():
    assert closed([[day(3), "sms", "r1"]], [sale(2)])[0] == [(("sms",), "r1")]


def test_books_of_months_are_merged():
    book = {}
    contact_paths.add(
        book, [contact_paths.Closed(("a", "b"), sale(1)), contact_paths.Closed(("a", "b"), None), contact_paths.Closed((), sale(2))]
    )
    assert book == {"a>b": [2, 1]}
    assert contact_paths.merged([book, {"a>b": [1, 1], "c": [1, 0]}]) == {("a", "b"): (3, 2), ("c",): (1, 0)}


def test_removal_effects_of_the_catalogues_paths():
    paths = [attribution.Path(("A",), 1), attribution.Path(("A", "B"), 1), attribution.Path(("B",), 0), attribution.Path(("A",), 0)]
    assert attribution.removal_effects(paths) == pytest.approx({"A": 0.75, "B": 0.5})


def test_a_chain_with_memory_tells_states_by_their_past():
    paths = [attribution.Path(("B", "A"), 1), attribution.Path(("A",), 0)]
    assert attribution.removal_effects(paths) == pytest.approx({"A": 1, "B": 0.5})
    assert attribution.removal_effects(paths, 2) == pytest.approx({"A": 1, "B": 1})
