"""Tag reads: EPCs by the GS1 Tag Data Standard, windows with their peak, antennas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from llrpkit.inventory import TagReport

from storeloom.hardware_adapters.rfid.reads import Reads, facts, named

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SGTIN = bytes.fromhex("3074257BF7194E4000001A85")


def micros(seconds: float) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1_000_000)


def read(seconds: float, rssi: float, antenna: int = 1, epc: bytes = SGTIN) -> TagReport:
    return TagReport(epc=epc, antenna=antenna, rssi_dbm=rssi, first_seen_us=micros(seconds), last_seen_us=micros(seconds), seen_count=1)


def test_the_standards_own_example_decodes() -> None:
    """GS1 EPC Tag Data Standard, SGTIN-96: filter 3, company 0614141, item 812345, serial 6789."""
    assert named(SGTIN) == {"epc": "urn:epc:id:sgtin:0614141.812345.6789", "gtin": "80614141123458", "serial": "6789"}


def test_what_is_no_sgtin_has_no_gtin() -> None:
    assert named(bytes.fromhex("E2000017010B016210000002")) == {"epc": "E2000017010B016210000002"}
    assert named(b"\x30" + b"\xff" * 11) == {"epc": "30" + "FF" * 11}
    assert "gtin" not in named(bytes.fromhex("3174257BF4499602D2000000"))


def test_a_window_bears_count_peak_and_the_peaks_time() -> None:
    reads = Reads(0.5, -90.0, 1)
    for seconds, rssi in ((0.0, -60.0), (0.1, -50.5), (0.2, -58.0)):
        reads.add(read(seconds, rssi), NOW, 100.0 + seconds)
    reads.add(read(0.1, -70.0, antenna=2), NOW, 100.1)
    assert reads.due(100.4) == []
    [one] = facts(reads.due(100.55), "gate-1", {1: {"antenna": "inner", "zone": "exit"}}, NOW)
    assert one.data == {
        "epc": "urn:epc:id:sgtin:0614141.812345.6789", "gtin": "80614141123458", "serial": "6789", "reader": "gate-1",
        "antenna": "inner", "zone": "exit", "rssi_dbm": -50.5, "count": 3,
        "first": "2026-03-02T10:00:00Z", "last": "2026-03-02T10:00:00.2Z",
    }  # fmt: skip
    assert one.time == NOW + timedelta(seconds=0.1)
    [other] = facts(reads.due(101.0), "gate-1", {}, NOW)
    assert (other.data["antenna"], other.data["rssi_dbm"]) == ("2", -70.0)


def test_strays_and_weak_reads_are_left_out_and_counted() -> None:
    reads = Reads(0.5, -65.0, 2)
    reads.add(read(0.0, -66.0), NOW, 0.0)
    reads.add(read(0.0, -50.0), NOW, 0.0)
    assert reads.due(1.0) == [] and reads.weak == 1


def test_a_reader_without_a_clock_gets_the_stores() -> None:
    reads = Reads(0.1, -90.0, 1)
    reads.add(TagReport(epc=SGTIN, antenna=1, rssi_dbm=-50.0, first_seen_us=5_000_000), NOW, 0.0)
    [one] = facts(reads.due(1.0), "r", {}, NOW)
    assert one.time == NOW
