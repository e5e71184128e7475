"""The agent's way from what runs to what is wanted, and back."""

import pytest

from storeloom.core.agent.faults import Untrusted, no_room
from storeloom.core.kernel.errors import Finding
from tests.agent.doubles import spoil

WAY = ["downloading", "installing", "checking", "waiting", "switching", "watching", "good"]


def test_a_release_goes_its_way_step_by_step_and_is_told_of(chain):
    agent = chain.agent()
    assert chain.bring(agent, chain.publish("spring")) == "good"
    assert chain.states(agent) == WAY
    first = chain.releases.linked()
    assert chain.store.runs == first.name and agent.standing.running.release == "spring"
    assert chain.bring(agent, chain.publish("summer")) == "good"
    assert [one["how"] for one in chain.store.starts] == ["start", "live"], "what runs is switched without a stop"
    assert chain.releases.linked() != first and chain.releases.whole(agent.standing.goods[1])


def test_three_failed_starts_fall_back_to_the_last_good_release(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    good = chain.releases.linked()
    assert chain.bring(agent, chain.publish("broken", "crash")) == "refused"
    assert chain.releases.linked() == good and chain.store.runs == good.name
    assert [one["place"] == good.name for one in chain.store.starts] == [True, False, False, False, True]
    assert agent.standing.reason["en"] == "The store could not be started with it 3 times: SIGSEGV."
    assert chain.states(agent)[-4:] == ["waiting", "switching", "falling_back", "refused"]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("rest", "'cart' rests since the change: no model."),
        ("sick", "The store was not well for"),
        ("loop", "The store process ended 3 times within"),
        ("back", "The store does not run it: it runs sha256:other."),
        ("refuse", "The store does not run it: it does not fit."),
    ],
)
def test_what_is_not_well_in_the_health_window_is_taken_back(chain, monkeypatch, behaviour, words):
    monkeypatch.setattr("storeloom.core.agent.watching.OTHER_S", 0.03)
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    good = chain.releases.linked()
    assert chain.bring(agent, chain.publish("bad", behaviour, health_s=2)) == "refused"
    assert chain.releases.linked() == good and chain.store.runs == good.name
    assert agent.standing.reason["en"].startswith(words), agent.standing.reason
    assert agent.standing.reason["zh"] != agent.standing.reason["en"]


def test_a_device_that_is_lost_with_the_release_is_told_of_at_the_end_of_the_window(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    assert chain.bring(agent, chain.publish("deaf", "deaf", health_s=1)) == "refused"
    assert agent.standing.reason["en"].startswith("The device 'till-1' answered before the change and does not since")


def test_the_health_window_has_its_length_and_goes_on_after_a_restart_of_the_agent(chain):
    clock = [0.0]
    agent = chain.agent(clock=lambda: clock[0])
    desired = chain.publish("spring", health_s=900)
    chain.bring(agent, desired, until=("watching",))

    def pass_s(agent, seconds):
        for _ in range(seconds * 100):
            clock[0] += 0.01
            agent.step()
            if agent.standing.state != "watching":
                return

    pass_s(agent, 2)
    assert agent.standing.state == "watching" and 1 < agent.standing.watched_s <= 2
    again = chain.agent(clock=lambda: clock[0])
    assert again.standing.watched_s == agent.standing.watched_s
    again.journal.note(watched_s=898.0)
    pass_s(again, 1)
    assert again.standing.state == "watching"
    pass_s(again, 2)
    assert again.standing.state == "good"


def test_a_switch_waits_for_its_window_by_the_control_planes_clock(chain):
    from datetime import UTC, datetime, timedelta

    agent = chain.agent(now=lambda: datetime(1970, 1, 2, tzinfo=UTC))
    chain.bring(agent, chain.publish("spring"))
    begins = datetime(2026, 3, 2, 2, tzinfo=UTC)
    window = {"begins": begins, "ends": begins + timedelta(hours=1)}
    agent.offer(chain.publish("summer", windows=[window]))
    chain.step(agent, until=("waiting",))
    for _ in range(5):
        agent.step()
    assert agent.standing.state == "waiting"
    agent.skew = begins - datetime(1970, 1, 2, tzinfo=UTC) + timedelta(minutes=5)
    assert chain.step(agent) == "good"


def test_windows_that_are_past_are_asked_for_anew(chain):
    from datetime import UTC, datetime

    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    past = {"begins": datetime(2020, 1, 1, tzinfo=UTC), "ends": datetime(2020, 1, 2, tzinfo=UTC)}
    wanted = chain.publish("summer", windows=[past])
    agent.offer(wanted)
    chain.step(agent, until=("waiting",))
    agent.step()
    assert agent.look_again.is_set()
    chain.plane.want(wanted.model_copy(update={"windows": None}))
    chain.talkers(agent)[0].once()
    assert chain.step(agent) == "good"


def test_a_line_that_is_cut_during_a_download_is_tried_again_and_told_of_once(chain):
    agent = chain.agent()
    chain.shelf.cut = 5
    assert chain.bring(agent, chain.publish("spring")) == "good"
    assert chain.states(agent).count("downloading") == 2, "as it began, and why it lasts"


def test_a_full_disk_leaves_what_runs_alone(chain, monkeypatch):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    runs = chain.store.runs
    real = chain.shelf.fetch

    def full(target, into):
        raise no_room(chain.home.folder, 200)

    chain.shelf.fetch = full
    agent.offer(chain.publish("summer"))
    for _ in range(20):
        agent.step()
    assert agent.standing.state == "downloading" and chain.store.runs == runs
    assert agent.standing.reason["en"].startswith("Too little room")
    chain.shelf.fetch = real
    assert chain.step(agent, number=2) == "good"


def test_what_is_not_trusted_is_refused_and_tried_again_later(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    runs = chain.store.runs
    chain.shelf.fails = Untrusted(Finding("SL-AGT-19", {"reason": "an old snapshot"}))
    agent.offer(chain.publish("summer"))
    for _ in range(5):
        agent.step()
    assert agent.standing.state == "refused" and agent.standing.again and chain.store.runs == runs
    assert chain.states(agent)[-2:] == ["downloading", "refused"]
    chain.shelf.fails = None
    assert chain.step(agent, until=("good",)) == "good"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"withdrawn": ["summer"]}, "Release summer is withdrawn."),
        ({"target": "stores/s2/2.json"}, "The release is for the store 'stores/s2/2.json', this one is 's1'."),
        ({"target": "packages/acme/x.whl"}, "The release is for the store"),
    ],
)
def test_what_must_not_run_here_is_refused(chain, changes, words):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    assert chain.bring(agent, chain.publish("summer", **changes)) == "refused"
    assert agent.standing.reason["en"].startswith(words)


def test_a_refused_release_is_tried_again_only_when_it_is_wanted_anew(chain):
    from storeloom.core.agent.checking import Checked

    agent = chain.agent()
    chain.bring(agent, chain.publish("spring", wish=1))
    chain.checked = Checked(({"en": "no", "zh": "否"},))
    summer = chain.publish("summer", wish=2)
    assert chain.bring(agent, summer) == "refused"
    chain.checked = Checked()
    for number in (3, 4):  # a window, a word about another release: nobody wants it anew
        agent.offer(summer.model_copy(update={"number": number, "withdrawn": ["winter"]}))
        for _ in range(3):
            agent.step()
        assert (agent.standing.state, agent.standing.number) == ("refused", number)
    assert chain.bring(agent, summer.model_copy(update={"number": 5, "wish": 3})) == "good"


def test_a_refused_release_is_tried_again_where_the_control_plane_does_not_tell_wishes(chain):
    from storeloom.core.agent.checking import Checked

    agent = chain.agent()
    chain.checked = Checked(({"en": "no", "zh": "否"},))
    spring = chain.publish("spring")
    assert chain.bring(agent, spring) == "refused"
    chain.checked = Checked()
    assert chain.bring(agent, spring.model_copy(update={"number": 9})) == "good"


def test_a_secret_that_came_is_a_change_that_a_refused_release_is_tried_again_for(chain):
    from storeloom.core.agent.checking import Checked

    agent = chain.agent()
    chain.checked = Checked(({"en": "no", "zh": "否"},))
    spring = chain.publish("spring", wish=1)
    assert chain.bring(agent, spring) == "refused"
    chain.checked = Checked()
    assert chain.bring(agent, spring.model_copy(update={"number": 2, "secrets": {"door": chain.sealed("1234")}})) == "good"


def test_a_first_release_that_was_not_well_is_not_watched_again_because_a_window_changed(chain):
    agent = chain.agent()
    spring = chain.publish("spring", "rest", health_s=5, wish=1)
    assert chain.bring(agent, spring) == "refused"
    agent.offer(spring.model_copy(update={"number": 2}))
    for _ in range(3):
        agent.step()
    assert (agent.standing.state, agent.standing.number) == ("refused", 2)


def test_a_roll_back_by_the_control_plane_in_the_health_window(chain):
    agent = chain.agent()
    spring = chain.publish("spring")
    chain.bring(agent, spring)
    chain.bring(agent, chain.publish("summer", health_s=900), until=("watching",))
    back = spring.model_copy(update={"number": 3, "withdrawn": ["summer"]})
    assert chain.bring(agent, back) == "good"
    assert agent.standing.running.release == "spring" and chain.shelf.refreshed == 3


def test_a_withdrawn_release_is_not_fallen_back_to(chain):
    agent = chain.agent()
    for name in ("spring", "summer"):
        chain.bring(agent, chain.publish(name))
    assert chain.bring(agent, chain.publish("bad", "crash", withdrawn=["summer"])) == "refused"
    assert agent.standing.running.release == "spring"


def test_a_first_release_that_is_not_well_keeps_running_for_there_is_nothing_else(chain):
    agent = chain.agent()
    assert chain.bring(agent, chain.publish("spring", "rest", health_s=5)) == "refused"
    assert chain.store.runs is not None and agent.standing.running.release == "spring"


def test_a_store_that_ended_is_started_again_without_the_control_plane(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    chain.store.die()
    again = chain.agent()
    again.step()
    assert chain.store.runs == chain.releases.linked().name


def test_a_release_whose_files_were_changed_is_not_started(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    good = chain.releases.linked()
    chain.bring(agent, chain.publish("summer"))
    chain.store.die()
    spoil(chain.releases.linked() / "bundle.json")
    count = len(chain.store.starts)
    chain.step(agent, until=("refused",))
    assert chain.store.runs == good.name and all(one["whole"] for one in chain.store.starts[count:])


def test_an_agent_without_its_journal_goes_on_with_the_release_that_is_linked(chain):
    from storeloom.core.agent.working import open_journal

    agent = chain.agent()
    spring = chain.publish("spring")
    chain.bring(agent, spring)
    chain.send(agent)
    told = chain.plane.newest
    agent.journal.close()
    for tail in ("-wal", "-shm"):
        chain.home.journal.with_name(chain.home.journal.name + tail).unlink(missing_ok=True)
    chain.home.journal.write_bytes(b"this is no database" * 100)
    again = chain.agent(journal=lambda path, otherwise: open_journal(chain.home, chain.releases))
    assert again.standing.state == "good" and again.standing.running == spring
    assert list(chain.home.folder.glob("agent.db.damaged-1"))
    assert chain.bring(again, chain.publish("summer")) == "good"
    chain.send(again)
    assert sorted(chain.plane.reports) == list(range(1, told + len(WAY) + 1)), "numbers follow on, none is used twice"


def test_old_releases_are_tidied_and_the_last_good_one_never(chain):
    agent = chain.agent()
    for name in ("a", "b", "c", "d", "e"):
        chain.bring(agent, chain.publish(name))
    assert len(list(chain.home.releases.iterdir())) == 3
    assert [one.release for one in agent.standing.goods] == ["e", "d", "c"]


def test_nothing_wanted_is_nothing_changed(chain):
    from storeloom.core.trust.wire import Desired

    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    agent.offer(Desired(number=5))
    for _ in range(3):
        agent.step()
    assert agent.standing.state == "good" and agent.standing.number == 5 and chain.store.runs is not None
