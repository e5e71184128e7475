"""What follows from the dry check."""

import pytest

from storeloom.core.agent import checking
from storeloom.core.agent.checking import Checked, Question, dry_check, joined
from storeloom.core.kernel.errors import AgentFault

SILENT = {"device": "till-1", "ok": False, "text": {"en": "no answer", "zh": "无应答"}}


def test_a_device_that_was_online_must_answer_and_another_is_only_told_of():
    checked = Checked(probes=(SILENT,))
    assert checked.refusal(["till-2"]) is None and len(checked.warnings()) == 1
    words = {
        "en": "The device 'till-1' does not answer with the release's settings: no answer.",
        "zh": "设备“till-1”以该发布的设置不应答：无应答。",
    }
    assert checked.refusal(["till-1"]) == words


def test_many_findings_are_few_words():
    words = joined([{"en": f"e{number}", "zh": f"z{number}"} for number in range(7)])
    assert words == {"en": "e0\ne1\ne2\ne3\ne4\nand 2 more", "zh": "z0\nz1\nz2\nz3\nz4\n另有 2 项"}
    assert joined([]) is None


def test_a_warning_goes_up_with_the_state(chain):
    chain.checked = Checked(probes=(SILENT,), apart=True)
    agent = chain.agent()
    assert chain.bring(agent, chain.publish("spring")) == "good"
    (told,) = [one.data["warning"]["en"] for one in agent.journal.waiting() if "warning" in one.data]
    assert told.startswith("The device 'till-1' does not answer")


def test_a_check_that_hangs_or_crashes_is_a_refusal(tmp_path, monkeypatch):
    question = Question(tmp_path, "s1", tmp_path)
    with pytest.raises(AgentFault, match="it took over"):
        dry_check(question, limit_s=0.05)
    monkeypatch.setattr(checking.sys, "executable", "/bin/false")
    with pytest.raises(AgentFault, match="exit code 1"):
        dry_check(question)
