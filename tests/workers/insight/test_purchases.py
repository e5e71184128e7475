"""Receipt lines: what is summed, netted and left out; every fault at once; scores and segments worked by hand."""

import itertools
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.purchases import read
from storeloom.workers.insight.rfm import GROUPS, SEGMENTS, came_back, rfm
from tests.workers.insight.customers import START, lines, shoppers


def codes(fault):
    return [finding.code for finding in fault.value.findings]


def test_lines_are_summed_and_returns_are_no_purchases():
    found = read(
        lines(
            ("a", "r1", 0, "milk", 1, 2),
            ("a", "r1", 1, "milk", 2, 4),  # past midnight: the receipt's day is its first
            ("a", "r1", 0, "bread", 1, 3),
            ("a", "r1", 0, "bread", -1, -3),  # taken back on the same receipt
            ("a", "r2", 5, "milk", -1, -2),
            ("b", "r3", 2, "milk", 1, 2),
        )
    )
    assert found.until == START + timedelta(days=5)
    assert found.receipts.rows() == [("a", "r1", START, 6.0), ("b", "r3", START + timedelta(days=2), 2.0)]
    assert found.bought.select("receipt", "item", "qty").rows() == [("r1", "milk", 3.0), ("r3", "milk", 1.0)]
    assert [(one.code, one.args["count"]) for one in found.findings] == [("SL-CUS-06", 1)]


def test_all_faults_of_a_table_come_at_once():
    with pytest.raises(InsightFault) as fault:
        read(pl.DataFrame({"member": [], "ds": []}))
    assert codes(fault) == ["SL-CUS-01"] + ["SL-CUS-02"] * 4
    bad = lines(("a", "r1", 0, "milk", 1, 2), (None, "r2", 0, " ", 1, float("inf"))).with_columns(ds=pl.lit("2026-01-01"))
    with pytest.raises(InsightFault) as fault:
        read(bad)
    assert [(one.args["column"], one.args["count"]) for one in fault.value.findings] == [
        ("member", 1),
        ("item", 1),
        ("amount", 1),
        ("ds", 2),
    ]
    assert "门店当地" in fault.value.findings[3].text("zh")


def test_future_days_shared_receipts_and_zones_are_faults():
    with pytest.raises(InsightFault) as fault:
        read(lines(("a", "r1", 0, "milk", 1, 2), ("b", "r1", 9, "milk", 1, 2)), until=START + timedelta(days=8))
    assert codes(fault) == ["SL-CUS-04", "SL-CUS-05"]
    zoned = lines(("a", "r1", 0, "milk", 1, 2)).with_columns(ds=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(InsightFault, match="times of zone UTC"):
        read(zoned)
    local = lines(("a", "r1", 0, "milk", 1, 2)).with_columns(ds=pl.lit(datetime(2026, 1, 1, 23, 59)))
    assert read(local).until == date(2026, 1, 1)


def test_a_huge_receipt_counts_and_is_told():
    rows = [("a", f"r{n}", n, "milk", 1, 2) for n in range(9)] + [("b", "r9", 9, "milk", 1, 201)]
    found = read(lines(*rows))
    assert [(one.code, one.args["receipt"]) for one in found.findings] == [("SL-CUS-09", "r9")]
    assert found.receipts.height == 10


def test_what_was_known_on_a_morning():
    found = read(lines(("a", "r1", 0, "milk", 1, 2), ("a", "r2", 1, "milk", 1, 2)))
    before = found.before(START + timedelta(days=1))
    assert (before.lines.height, before.until) == (1, START)
    assert found.within(START + timedelta(days=1), START + timedelta(days=1)).receipts["receipt"].to_list() == ["r2"]


def test_scores_are_quintiles_of_mid_ranks_and_ties_share_one():
    # 20 members; the 12 latest came on day 30, the 8 others on days 1 to 8
    rows = [(f"m{n:02d}", f"r{n}", min(n + 1, 30) if n < 8 else 30, "milk", 1, n + 1) for n in range(20)]
    table = rfm(read(lines(*rows)))
    by_member = {row["member"]: row for row in table.frame.iter_rows(named=True)}
    # mid-ranks 1..8 of 20: 4 a fifth; the 12 tied: mid-rank 14.5, (14.5 - 0.5) / 20 = 0.7: the fourth fifth
    assert [by_member[f"m{n:02d}"]["r"] for n in range(8)] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert {by_member[f"m{n:02d}"]["r"] for n in range(8, 20)} == {4}
    assert {row["f"] for row in by_member.values()} == {3}, "all alike: the middle"
    assert [by_member[f"m{n:02d}"]["m"] for n in range(20)] == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4
    assert table.tied == {"r": 0.6, "f": 1.0, "m": 0.05}
    assert by_member["m00"]["recency_days"] == 29
    # r 1, value (3 + 1) / 2: lost; r 4, value (3 + 5) / 2 = 4: loyal; r 4, value (3 + 3) / 2: potential
    assert (by_member["m00"]["segment"], by_member["m19"]["segment"], by_member["m08"]["segment"]) == (
        "lost",
        "loyal_customers",
        "potential_loyalists",
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=20, max_size=60))
def test_more_is_never_scored_lower_and_equals_alike(members):
    rows = [(f"m{n:02d}", f"{n}-{k}", day, "milk", 1, amount) for n, (day, amount) in enumerate(members) for k in range(2)]
    frame = rfm(read(lines(*rows))).frame
    for score, of, sign in (("r", "recency_days", -1), ("m", "monetary", 1)):
        pairs = sorted((sign * value, found) for value, found in frame.select(of, score).iter_rows())
        assert all(one[1] <= two[1] and (one[0] < two[0] or one[1] == two[1]) for one, two in itertools.pairwise(pairs))
        assert all(1 <= found <= GROUPS for _, found in pairs)


def test_each_cell_of_the_grid_has_one_segment():
    for recency in range(1, GROUPS + 1):
        for value in range(1, GROUPS + 1):
            held = [one for one in SEGMENTS if one.recency[0] <= recency <= one.recency[1] and one.value[0] <= value <= one.value[1]]
            assert len(held) == 1, (recency, value)
    assert all(one.zh for one in SEGMENTS)


def test_scores_foretell_who_comes_back():
    bought = shoppers(300, 150, seed=4)
    cut = START + timedelta(days=110)
    found = came_back(rfm(bought.before(cut)), bought.within(cut, bought.until), "r")
    assert found["members"].sum() == 300
    assert found.row(-1, named=True)["low"] > found.row(0, named=True)["high"], "the latest buyers come back, the earliest do not"


def test_too_few_members_and_wrong_groups():
    with pytest.raises(InsightFault, match="There are 1 members with a purchase; needed: 20"):
        rfm(read(lines(("a", "r1", 0, "milk", 1, 2))))
    with pytest.raises(InsightFault, match="Setting groups is 4; allowed: 5"):
        rfm(shoppers(30, 60, seed=1), groups=4)
    assert rfm(shoppers(30, 60, seed=1), groups=4, segments=False).frame["r"].max() == 4
