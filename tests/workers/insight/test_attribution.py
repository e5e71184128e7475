"""Attribution on paths that were worked by hand."""

from __future__ import annotations

from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.insight import attribution as at
from storeloom.workers.insight.attribution import Path
from storeloom.workers.insight.effects import Effect
from storeloom.workers.insight.faults import InsightFault

# 100 members: sms then app 10 of 20 bought; sms alone 6 of 40; app alone 4 of 40
PATHS = [Path(("sms", "app"), 10, 20), Path(("sms",), 6, 40), Path(("app",), 4, 40)]


def test_rules_by_hand() -> None:
    assert at.last(PATHS) == {"sms": 6, "app": 14}
    assert at.first(PATHS) == {"sms": 16, "app": 4}
    assert at.linear(PATHS) == {"sms": 11, "app": 9}
    long = [Path(("a", "b", "c", "a"), 10, 10)]
    assert at.position(long) == pytest.approx({"a": 8, "b": 1, "c": 1})
    assert at.linear(long) == pytest.approx({"a": 5, "b": 2.5, "c": 2.5})
    assert at.position(PATHS) == at.linear(PATHS)


def test_removal_effects_by_hand() -> None:
    # start: sms 0.6, app 0.4. sms: app 20/60, bought 6/60. app: bought 14/60.
    # whole = 0.6 (0.1 + 1/3 * 14/60) + 0.4 * 14/60 = 0.06 + 2.8/60 + 5.6/60 = 0.2
    # without sms 0.4 * 14/60 = 5.6/60; without app 0.06
    effects = at.removal_effects(PATHS)
    assert effects == pytest.approx({"sms": 1 - (5.6 / 60) / 0.2, "app": 1 - 0.06 / 0.2})
    sms, app = 8 / 15, 0.7
    assert at.markov(PATHS) == pytest.approx({"sms": 20 * sms / (sms + app), "app": 20 * app / (sms + app)})


def test_removal_effects_are_those_of_a_walk_through_a_loop() -> None:
    # a -> b -> a ... : start a; a: to b 2/3 (2 of 3 leavings), bought 1/3; b: to a always. Without b: 1/3 of those bought.
    effects = at.removal_effects([Path(("a", "b", "a"), 1, 1), Path(("a", "b"), 0, 1)])
    # a leaves 3 times: b, bought, b; b leaves twice: a, lost. whole: p = 1/3 + 2/3 * 1/2 * p -> p = 1/2; without b 1/3
    assert effects == pytest.approx({"a": 1.0, "b": 1 / 3})


def test_shapley_by_hand_and_over_all_orders() -> None:
    # v(sms) = 6/40, v(app) = 4/40, v(both) = 20/100: sms (0.15 + 0.1) / 2, app (0.1 + 0.05) / 2
    assert at.shapley(PATHS) == pytest.approx({"sms": 20 * 0.125 / 0.2, "app": 20 * 0.075 / 0.2})
    paths = [*PATHS, Path(("mail", "sms"), 3, 9), Path(("mail",), 1, 30), Path(("app", "mail", "sms"), 5, 6)]

    def worth(names: set[str]) -> float:
        inside = [path for path in paths if set(path.channels) <= names]
        return sum(path.bought for path in inside) / sum(path.count for path in inside) if inside else 0.0

    names = ["app", "mail", "sms"]
    orders = list(permutations(names))
    expected = {name: sum(worth({*o[: o.index(name)], name}) - worth(set(o[: o.index(name)])) for o in orders) / 6 for name in names}
    whole = worth(set(names))
    assert at.shapley(paths) == pytest.approx({name: 29 * value / whole for name, value in expected.items()})


def test_all_methods_share_out_all_purchases_with_intervals() -> None:
    found = at.attribute([*PATHS, Path((), 3, 10)], draws=100)
    assert found.purchases == 20
    sums = found.table.group_by("method").agg(pl.col("share").sum(), pl.col("credit").sum())
    assert sums["share"].to_list() == pytest.approx([1.0] * 6) and sums["credit"].to_list() == pytest.approx([20.0] * 6)
    inside = found.table.filter((found.table["low"] <= found.table["share"] + 1e-9) & (found.table["share"] <= found.table["high"] + 1e-9))
    assert inside.height == 12
    assert found.table.equals(at.attribute([*PATHS, Path((), 3, 10)], draws=100).table)
    assert found.spread.value == pytest.approx(0.5)  # sms: 0.3 by last, 0.8 by first
    assert [one.code for one in found.findings] == ["SL-EXP-05"]


def test_a_test_decides_between_methods() -> None:
    found = at.attribute(PATHS, draws=0)
    agree = at.against_test(found, "sms", Effect(11.0, 9.0, 13.0, 0.01, 0.95))
    assert agree == {"last": False, "first": False, "linear": True, "position": True, "markov": False, "shapley": True}
    with pytest.raises(InsightFault):
        at.against_test(found, "tv", Effect(1.0, 0.0, 2.0, 0.1, 0.95))


def test_bad_paths_are_refused() -> None:
    many = [Path(tuple(f"c{n}" for n in range(13)), 1, 1)]
    for call in (
        lambda: at.attribute([]),
        lambda: at.attribute([Path(("a",), 0, 10)]),
        lambda: at.attribute([Path(("a",), 3, 2)]),
        lambda: at.attribute(PATHS, methods=["magic"]),
        lambda: at.shapley(many),
    ):
        with pytest.raises(InsightFault):
            call()


TRIPS = st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), st.integers(0, 9), st.integers(1, 9))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8
    )
)
def test_every_method_shares_out_exactly_what_was_bought(rows: list[tuple[list[str], int, int]]) -> None:
    paths = [Path(tuple(channels), bought, bought + lost) for channels, bought, lost in rows]
    purchases = sum(path.bought for path in paths)
    if not purchases:
        with pytest.raises(InsightFault):
            at.attribute(paths, draws=0)
        return
    table = at.attribute(paths, draws=0).table
    assert table.group_by("method").agg(pl.col("credit").sum())["credit"].to_list() == pytest.approx([purchases] * 6)
    assert table.filter(pl.col("method") != "shapley")["credit"].min() >= -1e-9
