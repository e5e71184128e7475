"""`device` and `plugin`: a device found fit or not, heard, commanded; all that is wrong told in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.cli import main
from storeloom.core.kernel import registry as registry_module
from storeloom.core.kernel.registry import ROOT, Package

FOLDER = Path(__file__).parents[1] / "packages"
STORE = """document = "store/1"
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
currency = "CNY"
language = "zh"
[devices.gate-1]
kind = "gate"
adapter = "line_gate"
settings = {{ host = "127.0.0.1", port = {port}, timeout_s = 0.3 }}
[devices.door-1]
kind = "gate"
"""


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    acme = Package("acme_store", FOLDER / "acme_store")
    monkeypatch.setattr(registry_module, "packages", lambda: [Package("storeloom", ROOT), acme])
    from acme_store.adapters.line_gate_twin import LineGateTwin  # type: ignore[import-not-found]

    with LineGateTwin() as playing:
        yield playing
    for name in [name for name in sys.modules if name.startswith("acme_store")]:
        del sys.modules[name]


@pytest.fixture
def store(twin: Any, tmp_path: Path) -> str:
    path = tmp_path / "store.toml"
    path.write_text(STORE.format(port=twin.settings()["port"]), encoding="utf-8")
    return str(path)


def test_probe_says_whether_each_device_with_a_driver_is_fit(twin, store, capsys) -> None:
    assert main(["device", "probe", store, "--lang", "en"]) == 0
    assert capsys.readouterr().out == "gate-1: ready\n"
    twin.play("silent")
    assert main(["device", "probe", store, "gate-1", "--json", "--lang", "zh"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"] and told["devices"][0]["code"] == "timeout" and "未在规定时间内应答" in told["devices"][0]["text"]


def test_watch_prints_what_a_device_says(twin, store, capsys) -> None:
    assert main(["device", "watch", store, "gate-1", "--for", "0.5"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["stream"], row["data"].get("state") or row["data"]["kind"]) for row in rows] == [
        ("device.status", "online"),
        ("gate.state", "closed"),
    ]


def test_send_commands_a_device_and_tells_why_it_would_not(twin, store, capsys) -> None:
    send = ["device", "send", store, "gate-1", "gate.open"]
    assert main([*send, '{"gate": "gate-1", "reason": "visit", "cmd": "c1"}', "--lang", "en"]) == 0
    assert twin.took() == [{"cmd": "c1"}] and capsys.readouterr().out == "taken by the device\n"
    twin.play("fail")
    assert main([*send, '{"gate": "gate-1", "reason": "visit"}', "--lang", "zh"]) == 1
    assert "gate-1 未执行 gate.open：控制器应答 ERR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["send", "{store}", "gate-1", "gate.open", '{"gate": 1}'], 1, "reason"),
        (["send", "{store}", "gate-1", "gate.open", "{"], 1, "DATA"),
        (["send", "{store}", "gate-1", "light.set", "{}"], 1, "light.set"),
        (["send", "{store}", "gate-1"], 2, "send needs STREAM and DATA"),
        (["probe", "{store}", "gate-2"], 1, "Did you mean 'gate-1'?"),
        (["probe", "{store}", "door-1"], 2, "door-1 names no adapter"),
        (["find", "line_gate", "10.0.0.0/28"], 2, "line_gate cannot search"),
        (["find", "lime_gate"], 1, "Did you mean 'line_gate'?"),
    ],
)
def test_what_cannot_be_done_is_told(store, capsys, words, code, text) -> None:
    assert main(["device", *[word.replace("{store}", store) for word in words], "--lang", "en"]) == code
    assert text in capsys.readouterr().err


def test_the_conformance_of_an_adapter_by_command(twin, capsys) -> None:
    assert main(["plugin", "check", "line_gate", "--only", "round_trip", "--only", "settings", "--lang", "zh"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 项检查通过 2 项"
