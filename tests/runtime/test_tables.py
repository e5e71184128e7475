"""Tables looked up as they stand at a time: what holds, whatever was asked before."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.hours import StoreHours
from storeloom.core.runtime.tables import TableSet, View

HOURS = StoreHours("America/New_York", {"open": "08:00", "close": "22:00"})
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)  # the day on which New York's clocks go forward


def seen(rows, asked, table="prices"):
    """The view over a table, and a way to set its time."""
    tables, clock = TableSet({table: rows}, HOURS), {"now": asked}
    return View(tables, table, lambda: clock["now"]), clock


def bound(hours):
    """A bound as tables write them: an instant, or a bare date of the store."""
    at = NOON + timedelta(hours=hours)
    return st.sampled_from([None, at.isoformat(), HOURS.store_day(at).isoformat()])


@given(
    st.lists(st.tuples(st.integers(-60, 60).flatmap(bound), st.integers(-60, 60).flatmap(bound)), max_size=6),
    st.lists(st.integers(-70, 70), min_size=1, max_size=8),
)
def test_what_stands_is_what_each_row_says_at_whatever_times_it_is_asked(spans, asked):
    rows = [{"gtin": str(n), "kind": "ab"[n % 2], "from": start, "to": end} for n, (start, end) in enumerate(spans)]
    view, clock = seen(rows, NOON)

    def within(row, at):
        days = [HOURS.store_day(at) >= date.fromisoformat(row["from"])] if row["from"] and len(row["from"]) == 10 else []
        days += [HOURS.store_day(at) < date.fromisoformat(row["to"])] if row["to"] and len(row["to"]) == 10 else []
        days += [at >= datetime.fromisoformat(row["from"])] if row["from"] and len(row["from"]) > 10 else []
        days += [at < datetime.fromisoformat(row["to"])] if row["to"] and len(row["to"]) > 10 else []
        return all(days)

    for hours in asked:
        clock["now"] = NOON + timedelta(hours=hours)
        right = [row for row in rows if within(row, clock["now"])]
        assert view.rows() == right
        assert view.rows(kind="a") == [row for row in right if row["kind"] == "a"]
        assert view.rows(gtin="1", kind="b") == [row for row in right if row["gtin"] == "1"]


def test_a_row_ends_at_the_very_instant_and_a_date_at_the_stores_midnight():
    view, clock = seen([{"gtin": "1", "from": "2026-03-08", "to": "2026-03-09"}], NOON)
    for at, stands in (("08T04:59:59", 0), ("08T05:00:00", 1), ("09T03:59:59", 1), ("09T04:00:00", 0)):
        clock["now"] = datetime.fromisoformat(f"2026-03-{at}+00:00")
        assert len(view.rows()) == stands, at


def test_gtins_are_compared_padded_and_lists_by_what_is_in_them():
    view, _ = seen([{"gtin": "06901234567892", "scope": {"b": 1, "a": [2]}}], NOON)
    assert view.rows(gtin="6901234567892") == view.rows(scope={"a": [2], "b": 1}) == view.all_rows()
    assert view.rows(gtin="1") == view.rows(no_such_field=1) == []


def test_a_replaced_table_forgets_what_was_derived_and_one_that_is_missing_is_empty():
    tables = TableSet({"zones": [{"zone": "Z1"}]}, HOURS)
    assert tables.derived("zones", "count", len) == 1
    tables.replace("zones", [])
    assert (tables.derived("zones", "count", len), tables.derived("staff", "count", len), tables.names()) == (0, 0, ["zones"])
    assert View(tables, "staff", lambda: NOON).rows() == []
