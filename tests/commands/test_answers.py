"""Each command on good input: words in both languages, JSON, exit code 0."""

import json
import os
import subprocess
import sys

import pytest

from storeloom.core import __version__


def arguments(name, shop, episode, toys, tmp_path):
    return {
        "catalogue": ["catalogue"],
        "show": ["show", "toy_teller"],
        "check": ["check", shop],
        "compose": ["compose", shop],
        "explain": ["explain", shop],
        "pack": ["pack", shop, "-o", tmp_path / "p.bundle.json"],
        "try": ["try", shop, "--scale", "0.01"],
        "episode": ["episode", "run", episode],
        "index": ["index", "--check", "--package", toys.root],
        "version": ["version"],
    }[name]


EN = {
    "catalogue": "toy_teller",
    "show": "limit_c = 5.0 °C  Limit",
    "check": "0 errors, 0 warnings, 0 notes",
    "compose": "pos.sale <- device:pos",
    "explain": "solutions.toy_teller.config.limit_c = 4  [store s1]",
    "pack": "sha256:",
    "try": "times real time",
    "episode": "1 passed, 0 failed",
    "index": "",
    "version": __version__,
}
ZH = EN | {
    "show": "limit_c = 5.0 °C  上限",
    "check": "0 个错误，0 个警告，0 条提示",
    "compose": "约需",
    "try": "个输入事件",
    "episode": "通过 1，失败 0",
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("command", EN)
def test_a_command_answers_in_words(command, lang, call, shop, episode, toys, tmp_path):
    answer = call(*arguments(command, shop, episode, toys, tmp_path), "--lang", lang)
    assert (answer.code, answer.err) == (0, "")
    assert (EN if lang == "en" else ZH)[command] in answer.out


JSON_KEYS = {
    "catalogue": {"scenarios", "solutions", "findings"},
    "check": {"file", "ok", "findings"},
    "compose": {"name", "ok", "solutions", "wiring", "capacity", "findings"},
    "pack": {"file", "bytes", "digest"},
    "episode": {"passed", "failed", "episodes"},
    "index": {"changed", "findings"},
    "version": {"version"},
}


@pytest.mark.parametrize("command", EN)
def test_a_command_answers_in_json(command, call, shop, episode, toys, tmp_path):
    answer = call(*arguments(command, shop, episode, toys, tmp_path), "--json")
    assert (answer.code, answer.err) == (0, "")
    if command in JSON_KEYS:
        assert answer.json.keys() == JSON_KEYS[command]
    elif command == "show":
        assert answer.json["id"] == "toy_teller" and answer.json["config"]["properties"]["limit_c"]["x-zh"] == "上限"
    elif command == "explain":
        (row,) = [row for row in answer.json if row["path"] == "solutions.toy_teller.config.limit_c"]
        assert (row["value"], row["line"], row["overridden"]) == (4, 3, [{"layer": "default", "value": 5.0}])
    else:
        solution = answer.json["solutions"]["toy_teller"]
        assert solution["kpis"]["seen"] == answer.json["facts"]["pos.sale"] > 0
        assert solution["outputs"]["alert.raise"] >= solution["kpis"]["seen"]


def test_packing_twice_gives_the_same_bytes_and_check_and_episode_take_them(call, shop, tmp_path):
    packed = [tmp_path / "a.bundle.json", tmp_path / "b.bundle.json"]
    assert [call("pack", shop, "-o", path).code for path in packed] == [0, 0]
    assert packed[0].read_bytes() == packed[1].read_bytes()
    assert call("check", packed[0]).code == 0
    assert call("pack", shop).code == 0 and shop.with_suffix(".bundle.json").is_file()


def test_a_failed_episode_says_what_differs_and_exits_with_1(call, shop, episode):
    episode.write_text(episode.read_text().replace("times: 1", "times: 2"))
    answer = call("episode", "run", episode)
    assert answer.code == 1 and "0 passed, 1 failed" in answer.out
    assert "expected 2 times, got 1: alert.raise at 2026-03-02T10:01:00Z {'state': 'cleared'}" in answer.out
    assert call("episode", "run", episode, "--json").json["failed"] == 1


def test_index_writes_what_is_stale_and_check_names_it(call, shop, toys):
    module = toys.root / "solutions" / "toy_teller.py"
    module.write_text(module.read_text().replace('"Limit"', '"Warmest"'))
    toys.forget()
    answer = call("index", "--check", "--package", toys.root)
    assert answer.code == 1 and "catalogue.json is stale" in answer.err and "Run: storeloom index" in answer.err
    answer = call("index", "--package", toys.root)
    assert answer.code == 0 and "schemas/catalogue.json" in answer.out
    assert call("index", "--check", "--package", toys.root).code == 0


def test_the_language_comes_from_the_option_else_from_the_locale(call, shop, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "个错误" in call("check", shop).out
    assert "errors" in call("check", shop, "--lang=en").out
    assert "errors" in call("--lang", "en", "check", shop).out
    monkeypatch.delenv("LC_ALL")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert "errors" in call("check", shop).out


@pytest.mark.parametrize(("words", "code"), [(["version"], 0), (["show", "no_such"], 1), (["nonsense"], 2), ([], 2)])
def test_the_installed_command_exits_as_it_should(words, code):
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-m", "storeloom.core.cli", *words], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert done.stdout.strip() == __version__ if code == 0 else done.stderr


def test_a_closed_pipe_is_no_fault():
    command = f"{sys.executable} -m storeloom.core.cli catalogue --json | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_help_is_told_in_both_languages(capsys):
    from storeloom.core.cli import main

    for lang, words in (("en", "run a packed bundle in a store"), ("zh", "在门店运行已打包的方案包")):
        with pytest.raises(SystemExit) as caught:
            main(["--help", "--lang", lang])
        assert caught.value.code == 0 and words in capsys.readouterr().out


def test_json_findings_are_in_the_asked_language(call, shop):
    shop.write_text(shop.read_text().replace("limit_c = 4", 'limit_c = "hot"'))
    answer = call("check", shop, "--json", "--lang", "zh")
    (finding,) = answer.json["findings"]
    assert (answer.code, answer.json["ok"], finding["line"]) == (1, False, 3)
    assert finding["reason"] == '类型错误：当前为 "hot"（文本）；允许：数字。' and json.dumps(finding)
