"""Devices that work together."""

from storeloom.core.kernel.plan import BoundDevice
from storeloom.workers.checkout.stations import at_station, kiosk_at, served_by, station_of, till_of

SCALES = [BoundDevice("s1", "scale", "z1"), BoundDevice("s2", "scale", "z2")]


def cameras(*facts):
    return [BoundDevice(f"c{n}", "camera", zone, settings) for n, (zone, settings) in enumerate(facts, 1)]


def test_one_scale_makes_one_station_of_all():
    assert station_of(SCALES[:1], "scale", [], "any") == "s1" and station_of([], "scale", [], "any") == ""


def test_an_anchor_is_its_own_station():
    assert station_of(SCALES, "scale", SCALES, "s2") == "s2"


def test_settings_go_before_the_zone_and_the_zone_before_the_place():
    mixed = cameras(("z1", {"scale": "s2"}), ("z1", {}), (None, {}))
    assert [station_of(SCALES, "scale", mixed, one.id) for one in mixed] == ["s2", "s1", None]
    assert station_of(SCALES, "scale", mixed, "unknown") is None
    paired = cameras((None, {}), ("z9", {}))
    assert [station_of(SCALES, "scale", paired, one.id) for one in paired] == ["s1", "s2"]


def test_a_station_finds_its_devices():
    both = cameras(("z2", {}), ("z1", {}))
    assert at_station(SCALES, "scale", both, "s1") == "c2" and at_station(SCALES, "scale", [], "s1") is None


def test_a_till_is_named_in_the_settings_or_is_the_device():
    kiosks = [BoundDevice("k1", "kiosk", None, {"till": "T9"}), BoundDevice("k2", "kiosk")]
    assert [till_of(kiosks, one) for one in ("k1", "k2", "k3", None)] == ["T9", "k2", "k3", "kiosk"]


def test_a_device_serves_itself_the_only_one_in_use_or_its_station():
    kiosks = [BoundDevice("K1", "kiosk", "z1"), BoundDevice("K2", "kiosk", "z2")]
    scanners = [BoundDevice(f"S{n}", "scanner", f"z{n}") for n in (1, 2, 3)]
    assert served_by(kiosks, "kiosk", scanners, "K9", [], ["K9"]) == "K9"
    assert served_by(kiosks, "kiosk", scanners, "S2", ["K1"], ["K1"]) == "K2"
    assert served_by(kiosks, "kiosk", scanners, "S3", [], []) == "S3"
    assert served_by(kiosks[:1], "kiosk", scanners, "S3", ["T7"], ["T6", "T7"]) == "T7"
    assert served_by([], "kiosk", [], "S3", [], []) == "S3"


def test_a_till_has_the_kiosk_whose_settings_name_it():
    kiosks = [BoundDevice(f"K{n}", "kiosk", None, {"till": f"sco-{n}"}) for n in (1, 2)]
    assert [kiosk_at(kiosks, till, ["T7"]) for till in ("sco-2", "K1", "T7", "till-1")] == ["K2", "K1", "T7", None]
    assert kiosk_at([BoundDevice("K1", "kiosk")], "till-1", []) == "till-1"
