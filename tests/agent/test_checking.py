"""What follows from the dry check."""

import pytest

from storeloom.core.agent import checking
from storeloom.core.agent.checking import Checked, Question, dry_check, joined
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import AgentFault
from storeloom.core.kernel.lock import pack
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue

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


ASKS = """
from storeloom.core.kernel.contract import Problem
from storeloom.core.kernel.hooks import hookimpl

@hookimpl
def storeloom_config_problems(config, store):
    if config["mode"] == "b" and config["limit_c"] > 5:
        return [Problem("limit_c", "Mode b wants at most 5.", "模式 b 至多为 5。", "", "")]
    return []
"""


def test_a_vendors_own_check_of_its_config_is_made_in_the_store(toys, tmp_path, bundle):
    """A release that was composed of what the vendor published alone: none of its code was there to be asked."""
    toys.add("near", "@on('sensor.reading')\ndef follow(self, event): ...", tail=ASKS)
    toys.registry()
    release = tmp_path / "release"
    release.mkdir()
    toys.site.rename(release / "site-packages")
    known = read_catalogue([Package("storeloom", ROOT), Package("toyshop", release / "site-packages" / "toyshop", static=True)])
    found = []
    for limit in (9.0, 3.0):
        composed = compose(bundle(f"[solutions.near.config]\nmode = 'b'\nlimit_c = {limit}\n"), Registry(known))
        (release / "bundle.json").write_bytes(pack(composed, known))
        found.append(dry_check(Question(release, "s1", tmp_path)).findings)
    at = "solutions.near.config.limit_c: "
    assert found == [({"en": at + "Mode b wants at most 5.", "zh": at + "模式 b 至多为 5。"},), ()]
