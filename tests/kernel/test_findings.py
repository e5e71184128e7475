"""Every finding as a user reads it, in both languages, word for word; and no code without a use."""

import re
import string
from pathlib import Path

import pytest

from storeloom.core.kernel.documents import parse_yaml
from storeloom.core.kernel.errors import Finding, StoreloomError, worst
from storeloom.core.kernel.messages import MESSAGES, SEVERITIES
from storeloom.core.kernel.registry import ROOT

FILE = Path(__file__).with_name("findings.yaml")
GOLDEN = parse_yaml(FILE.read_text(encoding="utf-8"), str(FILE)).data
# Who fills one of these fills the other: the same word in the two languages.
PAIRS = {
    "what_zh": "what",
    "effect_zh": "effect",
    "hint_zh": "hint_en",
    "remedy_zh": "remedy_en",
    "known_zh": "known_en",
    "table_zh": "table",
}


@pytest.mark.parametrize("code", MESSAGES)
def test_the_whole_text_in_both_languages(code):
    golden = GOLDEN[code]
    finding = Finding(code, golden["args"])
    for lang in ("en", "zh"):
        assert finding.text(lang) == golden[f"text_{lang}"]
        assert finding.fix(lang) == golden.get(f"fix_{lang}", "")


@pytest.mark.parametrize("code", MESSAGES)
def test_no_text_is_half_filled_or_badly_set(code):
    finding = Finding(code, GOLDEN[code]["args"])
    for lang in ("en", "zh"):
        for text in (finding.text(lang), finding.fix(lang)):
            assert not re.search(r"[{}]|\bNone\b|\.\.$|。。|\.。|，,|\s[。，]", text), text
    assert any("\u4e00" <= sign <= "\u9fff" for sign in finding.text("zh")), "no Chinese in the Chinese text"
    assert not any("\u4e00" <= sign <= "\u9fff" for sign in finding.text("en") + finding.fix("en"))


def placeholders(template):
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    return {PAIRS.get(name, name) for name in names}


@pytest.mark.parametrize("code", MESSAGES)
def test_both_languages_tell_the_same(code):
    message = MESSAGES[code]
    assert placeholders(message.en) == placeholders(message.zh)
    # a Chinese next step may be general where the English one is the parser's or the plugin's own
    assert placeholders(message.fix_zh) <= placeholders(message.fix_en)
    assert bool(message.fix_en) == bool(message.fix_zh)
    assert message.severity in SEVERITIES


def test_the_list_of_texts_is_whole():
    assert list(GOLDEN) == list(MESSAGES)


def test_every_code_is_used_and_every_used_code_has_words():
    folders = ("core", "workers", "hardware_adapters", "plugins", "studio")
    texts = [p.read_text(encoding="utf-8") for folder in folders for p in (ROOT / folder).rglob("*.py") if p.name != "messages.py"]
    used = {code for text in texts for code in re.findall(r'"(SL-[A-Z]{3}-\d\d)"', text)}
    assert used == MESSAGES.keys(), f"dead: {sorted(MESSAGES.keys() - used)}, without words: {sorted(used - MESSAGES.keys())}"


def test_a_finding_reads_place_first_then_what_then_the_next_step():
    finding = Finding("SL-BND-03", path="store", file="bundle.toml", line=3)
    assert finding.render() == 'bundle.toml:3  store   [SL-BND-03]\n  The bundle names no store.\n  Add store = "FILE" or a [store] table.'
    assert Finding("SL-BND-03", file="bundle.toml").render("zh").splitlines()[0] == "bundle.toml   [SL-BND-03]"
    assert Finding("SL-BND-03").render().startswith("[SL-BND-03]\n")
    assert finding.as_dict("zh") == {
        "code": "SL-BND-03",
        "severity": "error",
        "file": "bundle.toml",
        "line": 3,
        "path": "store",
        "reason": "方案包没有指定门店。",
        "fix": '请添加 store = "FILE" 或 [store] 表。',
        "patch": None,
    }


def test_lists_read_with_each_languages_comma_and_an_empty_one_says_so():
    finding = Finding("SL-DEV-04", {"instance": "toy", "kind": "robot", "known": []})
    assert (finding.fix("en"), finding.fix("zh")) == ("It takes: (none).", "可用类别：（无）。")
    finding = Finding("SL-DEV-04", {"instance": "toy", "kind": "robot", "known": {"scale", "cart"}})
    assert (finding.fix("en"), finding.fix("zh")) == ("It takes: cart, scale.", "可用类别：cart、scale。")


def test_a_fault_carries_all_its_findings():
    fault = StoreloomError([Finding("SL-BND-03"), Finding("SL-BND-04")])
    assert [f.code for f in fault.findings] == ["SL-BND-03", "SL-BND-04"]
    assert "names no store" in str(fault) and "no solutions" in str(fault)
    assert worst(fault.findings) == "error" and worst([Finding("SL-WIR-03")]) == "info" and worst([]) is None
