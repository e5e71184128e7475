"""SNMP against Net-SNMP's own agent: v2c and v3, its interfaces; rates and their turn by hand."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.network.snmp_device import SnmpDevice

SNMPD = shutil.which("snmpd") or shutil.which("snmpd", path="/usr/sbin:/usr/local/sbin")
KEYS = {"a": "authentication-1", "p": "privacy-key-22", "wrong": "another-key-333"}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if SNMPD is None:
        pytest.skip("snmpd absent")
    folder = tmp_path_factory.mktemp("snmpd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    config = folder / "snmpd.conf"
    users = f'createUser till SHA-256 "{KEYS["a"]}" AES "{KEYS["p"]}"\n'
    config.write_text(f"agentaddress udp:{address}\nrocommunity public 127.0.0.1\nrouser till priv\n{users}")
    command = [SNMPD, "-f", "-Ln", "-C", "-c", str(config), "-I", "-smux,mteTrigger,mteTriggerConf"]
    process = subprocess.Popen(
        command, env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        if driver(address).check_health().ok:
            break
    else:
        pytest.skip("snmpd does not start here")
    yield address
    process.terminate()
    process.wait(10)


def driver(address: str, **config: Any) -> SnmpDevice:
    made = SnmpDevice("sw-1", SnmpDevice.Config(address=address, timeout_s=0.5, poll_s=0.05, **config))
    made.context = replace(AdapterContext(), secrets=KEYS)
    return made


def heard(made: SnmpDevice, wanted: int) -> list[Any]:
    rig = Rig(made)
    try:
        assert rig.wait_for(lambda: len([one for one in rig.facts if one.stream == "network.probe"]) >= wanted, 10.0), rig.facts
        return list(rig.facts)
    finally:
        assert rig.close(5.0)


def test_net_snmp_answers_and_its_loopback_is_up(agent: str) -> None:
    facts = heard(driver(agent, interfaces=[{"name": "lo", "target": "loop"}, {"name": "no-such", "line": "backup"}]), 6)
    probes = [one.data for one in facts if one.stream == "network.probe"]
    assert {key: probes[0][key] for key in ("target", "kind", "up", "loss_pct")} == {
        "target": "sw-1",
        "kind": "device",
        "up": True,
        "loss_pct": 0,
    }
    assert 0 < probes[0]["latency_ms"] < 500
    assert (probes[1]["target"], probes[1]["up"]) == ("loop", True)
    assert probes[2] == {"target": "sw-1/no-such", "kind": "line", "up": False, "line": "backup"}
    assert probes[4]["mbit_s"] >= 0


def test_net_snmp_tells_what_it_is(agent: str) -> None:
    assert "Linux" in str(driver(agent).check_health().facts["description"])


def test_version_3_with_the_right_keys_and_with_wrong_ones(agent: str) -> None:
    login = {"version": "3", "user": "till", "auth_key": "a", "priv_key": "p"}
    assert driver(agent, **login).check_health().ok
    for wrong, words in (({"auth_key": "wrong"}, "Wrong SNMP PDU digest"), ({"user": "nobody"}, "Unknown USM user")):
        found = driver(agent, **{**login, **wrong}).check_health()
        assert not found.ok and words in found.words["en"] and found.facts["code"] == "failure"
        assert not any(key in str(found) for key in KEYS.values())


def test_nobody_there_is_a_probe_that_is_not_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        status, probe = heard(driver(f"127.0.0.1:{mute.getsockname()[1]}", target="uplink", target_kind="line"), 1)[:2]
    assert (status.data["state"], status.data["code"]) == ("offline", "timeout")
    assert probe.data == {"target": "uplink", "kind": "line", "up": False, "loss_pct": 100.0}


def test_rates_by_hand_also_over_the_turn_of_a_counter() -> None:
    made = driver("127.0.0.1")
    assert made._rate("in|1", 10.0, (1 << 64) - 500_000) is None
    assert made._rate("in|1", 12.0, 500_000) == pytest.approx(4.0)  # 1,000,000 octets in 2 s
    assert made._rate("in|1", 14.0, 100) is None  # the device was restarted
    assert made._rate("in|2", 14.0, None) is None
