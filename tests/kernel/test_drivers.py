"""Devices' drivers are checked with the bundle: each fault at its place, and no password in the clear."""

import pytest

from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.registry import Registry

SOUND = {"source": "rtsp://10.0.0.5:554/ch1", "user": "store", "password": "cam-password"}


def found(devices):
    findings = driver_findings({"devices": devices}, Registry().catalogue, lambda *keys: ("store.toml", len(keys)))
    return [(one.code, one.path, one.line) for one in findings], " ".join(one.text("zh") for one in findings)


def test_a_sound_driver_and_a_device_without_one_have_no_findings():
    assert found({"cam": {"kind": "camera", "adapter": "camera", "settings": SOUND}, "till": {"kind": "pos"}}) == ([], "")


def test_all_faults_of_all_devices_at_once():
    devices = {
        "cam": {"kind": "camera", "adapter": "camera", "settings": SOUND | {"fpss": 3, "stall_s": 0}},
        "aisle": {"kind": "camera", "adapter": "camra"},
    }
    assert sorted(found(devices)[0]) == [
        ("SL-CFG-02", "store.devices.cam.settings.fpss", 4),
        ("SL-CFG-03", "store.devices.cam.settings.stall_s", 4),
        ("SL-PLG-01", "store.devices.aisle.adapter", 3),
    ]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("rtsp://me:hunter2@10.0.0.5/ch1", True),
        (" RTSPS://:hunter2@cam/1", True),
        ("rtsp://{user}:{password}@10.0.0.5/ch1", False),
        ("http://10.0.0.5:8080/a:b@c", False),
    ],
)
def test_a_password_in_an_address_is_refused_and_never_repeated(source, fault):
    codes, text = found({"cam": {"kind": "camera", "adapter": "camera", "settings": {"source": source}}})
    assert codes == ([("SL-CFG-05", "store.devices.cam.settings.source", 4)] if fault else [])
    assert "hunter2" not in text and ("地址中写有密码" in text) == fault
