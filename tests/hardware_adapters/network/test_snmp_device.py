"""SNMP against Net-SNMP's own agent: v2c and v3, its interfaces; rates and their turn by hand."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.network.snmp_device import SnmpDevice
from storeloom.hardware_adapters.network.snmp_device_twin import CHANNEL, LEVEL, LIMIT, SSID, SnmpDeviceTwin

SNMPD = shutil.which("snmpd") or shutil.which("snmpd", path="/usr/sbin:/usr/local/sbin")
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
CONTACT, CACHE = "1.3.6.1.2.1.1.4.0", "1.3.6.1.4.1.8072.1.5.1.0"  # sysContact, nsCacheDefaultTimeout: an agent's own, and settable
KEYS = {"w": "let-me-write-1", "a": "authentication-1", "p": "privacy-key-22", "wrong": "another-key-333"}


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
    communities = f"rocommunity public 127.0.0.1\nrwcommunity {KEYS['w']} 127.0.0.1\n"
    config.write_text(f"agentaddress udp:{address}\n{communities}rouser till priv\n{users}")
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


def test_net_snmp_is_set_with_the_community_for_it_and_not_with_the_other(agent: str) -> None:
    sets = [{"field": "ssid", "oid": CONTACT}, {"field": "limit_kbps", "oid": CACHE, "scale": 0.01}]
    made = driver(agent, sets=sets, write_community="w")
    assert made.command("network.set", {"device": "sw-1", "ssid": "店内 Wi-Fi", "limit_kbps": 700}, AT) == ()
    with made.connect() as link:
        contact, cache = (tuple(map(int, one.split("."))) for one in (CONTACT, CACHE))
        found = link.get(contact, cache)
        assert (bytes(found[contact]).decode(), int(found[cache])) == ("店内 Wi-Fi", 7)
        assert link.set({contact: "店内 Wi-Fi", cache: 7}) is False, "what is set already is not set again"
    with pytest.raises(DeviceError, match=r"answers noAccess|did not answer"):
        driver(agent, sets=sets).command("network.set", {"device": "sw-1", "limit_kbps": 900}, AT)
    with pytest.raises(DeviceError, match=r"has no object 1\.3\.6\.1\.9\.9\.1") as caught:
        driver(agent, sets=[{"oid": "1.3.6.1.9.9.1"}], write_community="w").command("network.set", {"device": "sw-1", "channel": 1}, AT)
    assert caught.value.code is Code.NO_EXIST


def test_a_radio_is_set_by_its_standard_objects_and_a_guest_network_by_those_of_the_config() -> None:
    with SnmpDeviceTwin() as twin:
        own = [{"field": "limit_kbps", "oid": ".".join(map(str, LIMIT)), "ssid": "guest", "target": "ap-2", "scale": 1000.0}]
        made = SnmpDevice("unit-1", SnmpDevice.Config(**{**twin.settings(), "sets": own}))
        for power, level in ((20.0, 1), (19.9, 1), (17.0, 2), (16.0, 3), (1.0, 3)):  # 100, 50, 10 mW are 20, 17, 10 dBm
            made.command("network.set", {"device": "ap-2", "channel": 11, "power_dbm": power}, AT)
            assert (twin.settable[CHANNEL], twin.settable[LEVEL]) == (11, level)
        made.command("network.set", {"device": "ap-2", "ssid": "guest", "limit_kbps": 512}, AT)
        made.command("network.set", {"device": "ap-2", "ssid": "new", "enabled": False}, AT)
        assert (twin.settable[LIMIT], twin.settable[SSID], twin.settable[1, 3, 6, 1, 2, 1, 2, 2, 1, 7, 2]) == (512_000, "new", 2)
        refused = (
            ({"device": "unit-1", "channel": 1}, Code.ILLEGAL, "no object for channel is set"),
            ({"device": "ap-2", "portal": {"title": "x"}}, Code.ILLEGAL, "SNMP sets no such thing: portal"),
            ({"device": "ap-2"}, Code.ILLEGAL, "SNMP sets no such thing: nothing"),
            ({"device": "line-1", "channel": 1}, Code.NO_EXIST, "the interface has no object for channel"),
            ({"device": "ap-9", "channel": 1}, Code.NO_EXIST, "there is no ap-9"),
        )
        before = dict(twin.settable)
        for data, code, words in refused:
            with pytest.raises(DeviceError) as caught:
                made.command("network.set", data, AT)
            assert (caught.value.code, caught.value.words["en"]) == (code, words)
        assert before == twin.settable
        told = next(one.data for one in heard(made, 3) if one.data.get("target") == "ap-2")
        assert (told["channel"], told["clients"]) == (11, 3)


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
