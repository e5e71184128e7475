"""What a roll-out decides: waves, limits, gates, silence, the way back; over up to 10,000 stores, without a database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from storeloom.core.control.rollout.strategy import careful
from tests.control.rollout.simulated import NEW, OLD, Simulated


def small(**more):
    return careful(soak_s=1200, **more)


def test_a_good_release_goes_wave_by_wave_to_every_store():
    seen = Simulated(small(), 1000)
    seen.run(5)
    assert seen.counts() == {"waiting": 999, "watching": 1} and [one.state for one in seen.rollout.waves][:2] == ["open", "waiting"]
    seen.run(300)
    assert seen.rollout.state == "done" and seen.counts() == {"done": 1000}
    assert {fact.actual for fact in seen.facts.values()} == {NEW}
    assert [(kind, wave) for kind, wave, _ in seen.events if kind.startswith("wave")] == [
        (kind, wave) for wave in range(5) for kind in ("wave_opened", "wave_settled", "wave_passed")
    ]


@pytest.mark.parametrize("share", [1.0, pytest.param(0.5, marks=pytest.mark.thorough), 0.25])
def test_a_release_that_fails_reaches_at_most_a_hundredth_of_10_000_stores(share):
    seen = Simulated(small(), 10_000, fails=lambda store: int(store[2:]) % 100 < share * 100)
    seen.run(120, every=2)
    assert seen.rollout.state == "rolled_back" and len(seen.reached) <= 100
    assert "gate_failed" in seen.kinds() and seen.reason is not None
    assert {fact.actual for fact in seen.facts.values()} == {OLD}
    assert seen.counts() == {"waiting": 10_000 - len(seen.reached), "taken_back": len(seen.reached)}


@pytest.mark.parametrize(("harm", "mutes"), [(5.0, lambda store: False), (0.0, lambda store: True)])
def test_a_release_that_harms_or_silences_stores_reaches_at_most_a_hundredth_of_10_000(harm, mutes):
    seen = Simulated(small(), 10_000, mutes=mutes, harm=harm)
    seen.run(180, every=2)
    assert seen.rollout.state in ("rolled_back", "paused") and len(seen.reached) <= 100
    assert (seen.rollout.state == "paused") == (harm == 0.0)


def test_as_many_are_under_way_as_may_be_and_no_more():
    seen = Simulated(small(parallel_downloads=30, parallel_updates=50), 1000)
    seen.run(700)
    assert seen.rollout.state == "done" and seen.most_under_way == 50


def test_silence_pauses_and_never_passes():
    seen = Simulated(small(), 1000)
    seen.run(40)
    wave = seen.rollout.wave
    of = {step.store for step in seen.rollout.of(wave.number)}
    seen.away |= of
    seen.run(600)
    assert seen.rollout.state == "paused" and seen.reason["why"] == "silence"
    assert seen.rollout.wave.number == wave.number
    seen.away.clear()
    seen.rollout = replace(seen.rollout, state="running")
    seen.run(300)
    assert seen.rollout.state == "done"


def test_no_figures_is_silence_too():
    seen = Simulated(small(patience_s=3600), 1000, harm=None)
    seen.run(60)
    assert seen.rollout.state == "running" and seen.rollout.wave.number == 0
    seen.run(60)
    assert seen.rollout.state == "paused" and seen.reason["why"] == "silence"


def test_a_store_that_is_away_for_weeks_is_skipped_and_brought_along():
    seen = Simulated(small(), 200)
    seen.away = {f"s-{at:05}" for at in range(0, 200, 10)}
    seen.run(400)
    assert seen.rollout.state == "done" and seen.counts() == {"done": 180, "skipped": 20}
    seen.run(14 * 24 * 60, every=60)
    assert seen.counts() == {"done": 180, "skipped": 20}
    seen.away.clear()
    seen.run(30)
    assert seen.counts() == {"done": 200}


def test_a_store_that_something_else_was_meant_for_meanwhile_is_left_to_that():
    seen = Simulated(small(), 20, away={"s-00003"})
    seen.run(400)
    fact = seen.facts["s-00003"]
    seen.facts["s-00003"] = replace(fact, desired="newer", desired_number=fact.desired_number + 1)
    seen.away.clear()
    seen.run(30)
    assert seen.rollout.steps["s-00003"].reason == {"why": "superseded"} and seen.facts["s-00003"].desired == "newer"


def test_a_server_that_has_just_begun_to_listen_calls_nobody_away():
    seen = Simulated(small(), 100)
    seen.away = set(seen.facts)
    seen.step()
    assert seen.counts()["skipped"] == 1  # it has listened for a day
    fresh = Simulated(small(), 100)
    from storeloom.core.control.rollout import controller
    from storeloom.core.control.rollout.picture import Facts

    made = controller.advance(fresh.rollout, Facts(fresh.facts, fresh.now - timedelta(minutes=1)), fresh.now)
    assert (made.offer, made.steps) == ([], {})


def test_a_wave_alone_can_be_taken_back_and_the_rest_stands():
    bad = {step.store for step in Simulated(small(), 1000).rollout.of(2)}
    seen = Simulated(small(on_failure="roll_back_wave"), 1000, fails=lambda store: store in bad)
    seen.run(300)
    assert seen.rollout.state == "paused" and seen.counts()["taken_back"] == len(seen.reached & bad) > 0
    assert seen.counts()["done"] == 10
    assert [one.state for one in seen.rollout.waves] == ["passed", "passed", "failed", "waiting", "waiting"]


def test_a_hold_waits_for_a_person():
    waves = [{"name": "canary", "percent": 1, "hold": True}, {"name": "all", "percent": 100}]
    seen = Simulated(small().model_copy(update={"waves": type(small())(waves=waves).waves}), 100)
    seen.run(200)
    assert (seen.rollout.state, seen.reason["why"], seen.counts()["done"]) == ("paused", "hold", 1)
    seen.rollout = replace(seen.rollout, state="running")
    seen.run(200)
    assert seen.rollout.state == "done"


def test_a_release_that_is_withdrawn_comes_back_from_every_store():
    seen = Simulated(small(), 1000)
    seen.run(70)
    assert seen.counts()["done"] > 0
    seen.withdrawn = True
    seen.run(60)
    assert seen.rollout.state == "rolled_back" and {fact.actual for fact in seen.facts.values()} == {OLD}


def test_stores_that_are_away_do_not_hold_up_the_way_back_and_follow_when_they_come():
    seen = Simulated(small(), 1000)
    seen.run(100)
    gone = sorted(step.store for step in seen.rollout.steps.values() if step.state == "done")[:3]
    seen.away = set(gone)
    seen.run(40)
    seen.rollout = replace(seen.rollout, state="rolling_back")
    seen.run(60)
    assert seen.rollout.state == "rolled_back" and seen.facts[gone[0]].actual == NEW
    seen.away.clear()
    seen.run(20)
    assert {seen.facts[name].actual for name in gone} == {OLD}
    assert "done" not in seen.counts()


def test_a_store_that_ran_nothing_before_keeps_what_it_has():
    seen = Simulated(small(), 10)
    seen.rollout = replace(seen.rollout, steps={name: replace(step, before=None) for name, step in seen.rollout.steps.items()})
    seen.facts = {name: replace(fact, desired=None, actual=None) for name, fact in seen.facts.items()}
    seen.run(30)
    seen.rollout = replace(seen.rollout, state="rolling_back")
    seen.run(30)
    done = [step for step in seen.rollout.steps.values() if step.state == "done"]
    assert seen.rollout.state == "rolled_back" and done and {step.reason["why"] for step in done} == {"nothing_before"}
    assert {seen.facts[step.store].actual for step in done} == {NEW}


def test_decisions_that_were_lost_are_made_again():
    import random

    rng, seen = random.Random(3), Simulated(small(), 1000)
    apply = seen.apply
    seen.apply = lambda made: apply(made) if rng.random() < 0.5 else None
    seen.run(700)
    assert seen.rollout.state == "done" and seen.counts() == {"done": 1000}


def test_without_the_agents_gate_stores_that_fail_are_waited_for_by_a_person():
    seen = Simulated(small(agents=False), 1000, fails=lambda store: True).run(400, every=2)
    assert (seen.rollout.state, seen.reason["why"]) == ("paused", "silence") and "gate_failed" not in seen.kinds()
    few = Simulated(small(agents=False), 1000, fails=lambda store: int(store[2:]) % 10 == 0).run(700, every=2)
    assert "gate_failed" not in few.kinds() and few.counts().get("failed", 0) > 0


def test_without_the_errors_gate_errors_are_not_looked_at():
    seen = Simulated(small(errors=False), 100, harm=9.0).run(600, every=2)
    assert seen.rollout.state == "done" and "look" not in seen.kinds()
