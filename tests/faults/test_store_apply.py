"""Applying a bundle against restarts and second requests: the bundle in force and the state beside it always belong together."""

from datetime import timedelta

import pytest

from storeloom.core.kernel.lock import pack
from storeloom.core.runtime import live, packages, requests
from storeloom.core.runtime.requests import KEPT
from tests.faults import shop
from tests.faults.stages import FAIL_ON, FAILING, NEXT, Course


class Power(BaseException):
    """The process ends here."""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Opens the store of a folder in which the bundles lie, as a process that starts does."""
    monkeypatch.setattr(live, "IDLE_S", 0.002)
    monkeypatch.setattr(packages, "packages", shop.installed)
    for name, fail_on in ((NEXT, ""), (FAILING, FAIL_ON)):
        place = tmp_path / f"made-{name}"
        place.mkdir()
        (tmp_path / name).write_bytes(pack(shop.composed(place, 2, fail_on), shop.registry(2).catalogue))
    plan = shop.composed(tmp_path).require()
    opened = []

    def start(clock=0.0):
        opened.append(Course(tmp_path / "data", plan, clock, lambda _: None))
        return opened[-1]

    return start


def cut(course):
    """End a store as a kill does: nothing is committed or said any more."""
    course.store.log.close()


def counted(course, name="a"):
    state = course.store.engine.instances[name].state.snapshot()
    return sum(cell["n"] for key, cell in state.items() if key.startswith(("k:", "n:")))


def pass_probation(course):
    for _ in range(8):
        course.hands.move(course.hands.at + timedelta(minutes=1))
        course.store.turn()


def test_a_kept_bundle_and_its_state_survive_a_restart_together(course):
    first = course()
    first.feed(0, 40)
    first.apply(NEXT)
    pass_probation(first)
    assert (first.data / KEPT).is_file() and counted(first) == 40
    cut(first)
    again = course()
    assert counted(again) == 40 and set(again.store.engine.instances["a"].state.snapshot()) & {"n:g0"}
    cut(again)


@pytest.mark.parametrize("before", [True, False])
def test_a_kill_when_a_probation_ends_loses_no_count(course, monkeypatch, before):
    """Just before its bundle is kept, the store starts with the old version and its state; just after, with the new one."""
    first = course()
    first.feed(0, 40)
    first.apply(NEXT)

    keep_bundle = requests.keep_bundle

    def die(*given):
        if not before:
            keep_bundle(*given)
        raise Power

    monkeypatch.setattr(requests, "keep_bundle", die)
    with pytest.raises(Power):
        pass_probation(first)
    cut(first)
    monkeypatch.setattr(requests, "keep_bundle", keep_bundle)
    again = course()
    again.feed(40, 48)
    again.until(lambda store: not store.engine.crew.behind)
    assert (again.data / KEPT).is_file() is not before
    state = again.store.engine.instances["a"].state.snapshot()
    assert sum(cell["n"] for key, cell in state.items() if key.startswith("k:" if before else "n:")) == 48, sorted(state)
    cut(again)


def test_a_bundle_that_is_applied_twice_is_kept_only_when_its_probation_is_over(course):
    first = course()
    first.feed(0, 40)
    first.apply(FAILING)
    first.apply(FAILING)
    first.feed(40, 104)
    assert first.store.requests.troubles(), "it failed on probation"
    assert not (first.data / KEPT).is_file()
    cut(first)
