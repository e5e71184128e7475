"""What an agent and its control plane say to each other: enrolment, polls, reports, tokens; and what becomes of it on a bad line."""

import random
import stat
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.agent import journal
from storeloom.core.agent.enrolling import enrol
from storeloom.core.agent.home import Home
from storeloom.core.agent.journal import Journal
from storeloom.core.agent.line import Line, Pace
from storeloom.core.agent.talking import Spans, health_of
from storeloom.core.kernel.errors import AgentFault
from storeloom.core.runtime.status import FigureStatus
from storeloom.core.trust import seal
from tests.agent.doubles import Chain
from tests.agent.plane import CODE, Plane

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_enrolment_stores_key_token_and_root_for_their_owner_alone(chain, tmp_path):
    home = Home(tmp_path / "new")
    identity = enrol(home, chain.plane.url, CODE, now=NOW)
    assert (identity.chain, identity.store, identity.token) == ("north", "s1", "token-1")
    assert home.root_file.read_bytes() == b'{"signed":{}}' and identity.data == str(tmp_path / "new" / "store")
    for file in (home.identity_file, home.key_file, home.root_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert chain.plane.keys == [seal.to_text(seal.public_key(home.key()))]
    assert "token" not in repr(identity)


def test_an_enrolment_whose_answer_was_lost_is_made_again_with_the_same_key(chain, tmp_path):
    home = Home(tmp_path / "new")
    enrol(home, chain.plane.url, CODE, now=NOW)
    home.identity_file.unlink()
    enrol(home, chain.plane.url, CODE, now=NOW)
    assert len(set(chain.plane.keys)) == 1


def test_an_enrolment_that_is_refused_leaves_nothing_that_counts(chain, tmp_path):
    home = Home(tmp_path / "new")
    with pytest.raises(AgentFault, match="the code is not valid"):
        enrol(home, chain.plane.url, "guess", now=NOW)
    with pytest.raises(AgentFault, match="SL-AGT-01"):
        home.identity()
    with pytest.raises(AgentFault, match="SL-AGT-04"):
        enrol(chain.home, chain.plane.url, CODE, now=NOW)
    with pytest.raises(AgentFault, match="SL-AGT-05"):
        enrol(home, "http://hq.example", CODE, now=NOW)
    with pytest.raises(AgentFault, match="SL-AGT-02"):
        enrol(home, "http://127.0.0.1:1", CODE, now=NOW)


def test_a_poll_waits_for_what_is_newer_and_hands_it_over(chain):
    agent = chain.agent()
    poller = chain.talkers(agent)[0]
    chain.plane.want(chain.publish("spring"))
    poller.once()
    assert chain.step(agent) == "good"
    poller.once()
    assert chain.plane.polls == 2 and agent.standing.number == 1


def test_an_answer_that_is_older_than_what_is_known_changes_nothing(chain):
    agent = chain.agent()
    spring = chain.publish("spring")
    chain.bring(agent, chain.publish("summer"))
    chain.plane.desired = spring
    chain.talkers(agent)[0].once()
    agent.step()
    assert agent.standing.number == 2 and agent.standing.state == "good"


def test_reports_are_sent_in_batches_until_they_are_taken(chain):
    agent = chain.agent()
    for number in range(450):
        agent.journal.report(NOW, "figures" if number % 50 == 0 else "health", {"ok": True, "figures": []})
    reporter = chain.talkers(agent)[1]
    chain.plane.busy = True
    reporter.once()
    assert len(agent.journal.waiting(1000)) == 450
    chain.plane.busy = False
    chain.send(agent)
    assert sorted(chain.plane.reports) == list(range(1, 451)) and reporter.sent == 1
    assert not agent.journal.waiting()


def test_weeks_without_a_line_roll_health_up_and_drop_no_state(chain, monkeypatch):
    monkeypatch.setattr(journal, "MOST_HEALTH", 50)
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    for number in range(150):
        agent.journal.report(NOW + timedelta(minutes=number), "health", {"ok": number != 7, "solutions": {}, "devices": {}})
    waiting = agent.journal.waiting(10_000)
    health = [one for one in waiting if one.kind == "health"]
    assert len(health) <= 50 and sum(one.data.get("looks", 1) for one in health) == 150
    assert sum(one.data.get("ill", 0) for one in health) == 1 and sum(not one.data["ok"] for one in health) == 1
    assert [one.data["state"] for one in waiting if one.kind == "state"][-1] == "good" and len(chain.states(agent)) == 7
    chain.send(agent)
    assert chain.plane.states() == ["downloading", "installing", "checking", "waiting", "switching", "watching", "good"]


def test_health_and_figures_come_from_the_running_store(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    chain.send(agent)
    figure = FigureStatus("cart", "cart", "seen", "count", "2026-03-01T16:00:00Z", 3.0)
    chain.store.figures = (figure,)
    gatherer = chain.talkers(agent, spans=Spans(figures_s=0.0))[2]
    gatherer.once()
    gatherer.once()
    kinds = [one.kind for one in agent.journal.waiting()]
    assert kinds == ["health", "figures", "health"], "figures are told when they are others"
    told = agent.journal.waiting()
    assert told[0].data["solutions"] == {"cart": {"state": "level", "failures": 1, "handled": 9}} and told[0].data["ok"]
    assert told[0].data["devices"] == {"till-1": {"kind": "pos", "state": "online", "text": ""}}
    assert told[1].data["figures"][0]["begins"] == "2026-03-01T16:00:00Z" and told[1].release == "spring"
    assert health_of(None) == {"ok": False, "solutions": {}, "devices": {}}


def test_a_token_is_renewed_in_time_and_reaches_the_stores_own_line(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring", uplink="hq_token", secrets={"cam": chain.sealed("pw")}))
    secrets = chain.folder / "data" / "secrets.json"
    assert '"hq_token": "token-1"' in secrets.read_text()
    reporter = chain.talkers(agent)[1]
    reporter.once()
    assert chain.plane.tokens == ["token-1"], "a third of its time is left"
    chain.plane.clock_ahead = timedelta(days=21)
    agent.journal.report(NOW, "health", {"ok": True})
    reporter.once()
    assert chain.plane.tokens == ["token-1", "token-2"] and chain.home.identity().token == "token-2"
    assert '"hq_token": "token-2"' in secrets.read_text() and '"cam": "pw"' in secrets.read_text()
    agent.journal.report(NOW, "health", {"ok": True})
    chain.send(agent)


def test_a_token_that_is_no_longer_valid_leaves_the_store_as_it_is(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    chain.plane.tokens = ["another"]
    for talker in chain.talkers(agent)[:2]:
        assert talker.once() > 0
    agent.step()
    assert agent.standing.state == "good" and len(chain.states(agent)) == 7


@pytest.mark.parametrize("seed", range(4))
def test_with_a_tenth_of_the_messages_lost_doubled_or_late_a_store_converges_within_three_polls(tmp_path, seed):
    chain = Chain(tmp_path, Plane(faults=0.1, seed=seed))
    agent = chain.agent()
    poller, reporter, gatherer = chain.talkers(agent, seed, Spans(wait_s=0, health_s=0.0, figures_s=0.0))
    for name in ("a", "b", "c", "d", "e"):
        wanted = chain.publish(name)
        chain.plane.want(wanted)
        before = poller.asked
        while agent.standing.wanted is None or agent.standing.wanted.number != wanted.number:
            poller.once()
            agent.step()
        assert poller.asked - before <= 3
        chain.step(agent, number=wanted.number)
        gatherer.once()
        reporter.once()
    chain.send(agent)
    assert chain.plane.states() == ["downloading", "installing", "checking", "waiting", "switching", "watching", "good"] * 5
    assert sorted(chain.plane.reports) == list(range(1, agent.journal.made + 1)) and chain.plane.state == "good"
    chain.close()


@pytest.mark.parametrize("outage_s", [0.0, 1.0, 20.0, 59.0, 61.0, 120.0, 3600.0])
def test_ten_thousand_stores_come_back_at_no_more_than_twice_the_mean(outage_s):
    """Their line breaks at one moment and is back after a while; tries by the second until the last of them is back."""
    back = []
    for store in range(10_000):
        pace, at = Pace(random.Random(store)), 0.0
        while at <= outage_s:
            at += pace.failed()
        back.append(at - outage_s)
    seconds = [0] * (int(max(back)) + 1)
    for at in back:
        seconds[int(at)] += 1
    mean = len(back) / len(seconds)
    print(f"outage {outage_s:g} s: back within {max(back):.0f} s, mean {mean:.1f}/s, peak {max(seconds)}/s, {max(seconds) / mean:.2f}")
    assert max(seconds) <= 2 * mean


def test_a_line_that_goes_well_begins_its_waits_afresh():
    pace = Pace(random.Random(1), 60.0)
    assert pace.failed() < 57 and pace.failed() == 60
    pace.went()
    assert pace.failed() < 57


def test_a_busy_control_plane_is_a_line_that_is_tried_again(chain):
    from storeloom.core.agent.faults import Turned, Unreached

    chain.plane.busy = True
    with pytest.raises(Unreached):
        Line(chain.plane.url, "token-1").ask("GET", "/agent/desired?wait=0")
    chain.plane.busy = False
    with pytest.raises(Turned) as refused:
        Line(chain.plane.url, "wrong").ask("GET", "/agent/desired?wait=0")
    assert refused.value.status == 401


def test_the_journal_is_for_its_owner_alone(chain):
    assert stat.S_IMODE(Journal(chain.home.journal).path.stat().st_mode) == 0o600


def test_a_control_plane_that_was_restored_from_a_copy_is_told_on_from_there(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    chain.send(agent)
    for seq in (4, 5, 6, 7):
        del chain.plane.reports[seq], chain.plane.behind[seq]
    agent.journal.report(NOW, "health", {"ok": True})
    chain.send(agent)
    assert sorted(chain.plane.reports) == [1, 2, 3, 4] and chain.plane.reports[4]["kind"] == "health"
