"""The gates as tests: a release that harms nothing is let pass as often as promised, one that harms is found."""

import math
import random

import numpy as np
import pytest

from storeloom.core.control.rollout import gates
from storeloom.core.control.rollout.picture import Evidence, Look
from storeloom.core.control.rollout.shifts import excess, shift
from storeloom.core.control.rollout.strategy import AgentGate, Strategy

WEEK = 168


def chain(rng, stores, treated, harm=0.0, after=24, shock=0.0):
    """Three weeks of hourly sales of unlike stores, then `after` hours; weather hits all alike."""
    hours = 3 * WEEK + after
    level = rng.lognormal(4, 0.8, (stores, 1))
    day = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(hours) % 24 - 8) / 24) * np.ones((stores, 1))
    week = 1 + 0.2 * (np.arange(hours) // 24 % 7 >= 5)
    own = 1 + 0.08 * rng.standard_normal((stores, 1)) * (np.arange(hours) >= 3 * WEEK)  # a store's own drift
    values = level * day * week * own * (1 + 0.2 * rng.standard_normal((stores, hours)))
    values[:, 3 * WEEK :] *= 1 + shock
    values[:treated, 3 * WEEK + 2 :] *= 1 - harm
    since = dict.fromkeys(range(treated), 3 * WEEK + 2)
    return shift("till/sales", values, since, 3 * WEEK, worse="lower", least=3)


def test_a_shift_is_found_beside_a_shock_that_hits_all():
    found = chain(np.random.default_rng(1), 300, 100, harm=0.10, shock=-0.30)
    assert found.harm == pytest.approx(0.07, abs=0.025)  # a tenth of what is left after the shock
    assert found.harm / found.se > 3


@pytest.mark.parametrize(("treated", "harm"), [(3, 0.0), (100, 0.0)])
def test_no_harm_looks_like_a_standard_normal(treated, harm):
    rng = np.random.default_rng(treated)
    z = [found.harm / found.se for found in (chain(rng, treated + 60, treated) for _ in range(200))]
    assert abs(np.mean(z)) < 0.2 and 0.85 < np.std(z) < 1.15
    assert sum(abs(one) > 1.96 for one in z) <= 18  # 10 of 200 are due


def test_too_few_to_compare_is_no_evidence():
    assert chain(np.random.default_rng(1), 102, 100).harm is None
    assert chain(np.random.default_rng(1), 102, 100).controls == 2


def test_the_excess_of_failures_is_each_store_against_its_own_past():
    # one store always failed a tenth, the other never: nothing changed in either
    same = excess("till", [(100, 1000, 1000, 10_000), (0, 1000, 0, 10_000)] * 3)
    assert same.harm == pytest.approx(0)
    # each store failed 1 in 1,000 and fails 21 in 1,000 now
    worse = excess("till", [(21, 1000, 10, 10_000)] * 6)
    # expected of 31 failures: 31/11 under the release; (21 - 2.818) / 1000
    assert worse.harm == pytest.approx(0.018182, abs=1e-6)
    assert worse.harm / worse.se == pytest.approx(6 * (21 - 31 / 11) / math.sqrt(6 * 31 * 10 / 121), rel=1e-6)
    assert excess("till", [(0, 0, 5, 100)]) is None


def test_failures_that_come_in_bursts_are_no_evidence_by_their_number_alone():
    burst = excess("till", [(60, 1000, 0, 10_000), *[(0, 1000, 60, 10_000)] * 9])
    assert burst.harm / burst.se < 2
    single = excess("till", [(4, 1000, 4, 10_000)])
    assert single.harm / single.se < 2


def test_the_ratio_test_lets_a_good_release_pass_and_stops_a_bad_one_early():
    gate, rng = AgentGate(), random.Random(5)

    def stopped(share, stores=1000):
        """Failures come at once, in the order of offers."""
        failed = 0
        for offered in range(1, stores + 1):
            failed += rng.random() < share
            if gates.agents_fail(gate, 1, offered, failed):
                return offered
        return None

    assert sum(stopped(gate.accept) is not None for _ in range(400)) <= 20  # alpha 0.05
    bad = [stopped(0.5) for _ in range(100)]
    assert None not in bad and sorted(bad)[50] <= 5
    assert not gates.agents_fail(gate, 1, 1, 1)  # one failure in one store proves nothing
    assert gates.agents_fail(gate, 1, 2, 2)
    assert not gates.agents_fail(gate, 6, 2, 2) and gates.agents_fail(gate, 6, 3, 3)


def test_looks_share_their_error_and_the_last_one_decides():
    way = Strategy(
        waves=[{"name": "one", "percent": 10}, {"name": "all", "percent": 100}],
        errors=None,
        figures=[{"solution": "till", "name": "sales"}],
        looks=4,
    )
    seen = {"till/sales": (Evidence("till/sales", 0.03, 0.01, 10, 100),)}
    first, told = gates.judge(way, Look(0, 1, 4), seen, [], last_wave=False)
    assert first == "open" and told["gates"]["till/sales"]["bound"] > 4  # O'Brien and Fleming are strict at a quarter
    before = [{"fraction": 0.25}, {"fraction": 0.5}, {"fraction": 0.75}]
    last, told = gates.judge(way, Look(0, 4, 4), seen, before, last_wave=False)
    assert last == "fail" and 1.96 < told["gates"]["till/sales"]["bound"] < 2.1  # half of alpha a wave, one-sided
    gain = {"till/sales": (Evidence("till/sales", -0.03, 0.01, 10, 100),)}
    assert gates.judge(way, Look(0, 4, 4), gain, before, last_wave=False)[0] == "pass"


def test_what_was_not_heard_never_passes_but_at_the_end_where_nobody_is_left_to_compare_with():
    way = Strategy(waves=[{"name": "all", "percent": 100}], errors=None, figures=[{"solution": "till", "name": "sales"}], looks=1)
    alone = {"till/sales": (Evidence("till/sales", None, None, 10, 0),)}
    assert gates.judge(way, Look(0, 1, 1), {}, [], last_wave=False)[0] == "unheard"
    assert gates.judge(way, Look(0, 1, 1), alone, [], last_wave=False)[0] == "unheard"
    assert gates.judge(way, Look(0, 1, 1), alone, [], last_wave=True)[0] == "pass"
    assert gates.judge(way, Look(0, 1, 1), {}, [], last_wave=True)[0] == "unheard"


def test_with_a_margin_a_wave_passes_only_once_that_harm_is_ruled_out():
    way = Strategy(
        waves=[{"name": "all", "percent": 100}], errors=None, figures=[{"solution": "till", "name": "sales", "margin": 0.05}], looks=1
    )
    vague = {"till/sales": (Evidence("till/sales", 0.0, 0.04, 10, 100),)}
    sharp = {"till/sales": (Evidence("till/sales", 0.0, 0.01, 10, 100),)}
    assert gates.judge(way, Look(0, 1, 1), vague, [], last_wave=False)[0] == "undecided"
    assert gates.judge(way, Look(0, 1, 1), sharp, [], last_wave=False)[0] == "pass"
