"""Receipts that members claim points for, worked by hand."""

from datetime import UTC, date, datetime, timedelta

from storeloom.workers.loyalty import receipts

TENANTS = [
    {"tenant": "T1", "name": "Harbour Fashion", "tax_number": "DE 812 345 678"},
    {"tenant": "T2", "name": "Noodle Bar"},
    {"tenant": "T3"},
]


def test_a_scene_stands_for_a_reading() -> None:
    read = receipts.scripted({"tenant": "Noodle Bar", "number": 17, "time": "2026-05-11T10:00", "total": 990, "hash": "00ff"})
    assert read == {
        "lines": ["Noodle Bar"], "name": "Noodle Bar", "tax": None, "number": "17", "time": "2026-05-11T10:00", "total": 990,
        "confidence": 1, "hash": "00ff", "text": "Noodle Bar 17 2026-05-11T10:00 990",
    }  # fmt: skip


def test_the_lowest_confidence_counts_and_what_cannot_be_is_nothing() -> None:
    read = receipts.scripted({"tax": 812, "confidence": {"total": 0.7, "time": 0.9}, "time": "yesterday", "hash": "xyz"})
    assert (read["confidence"], read["time"], read["hash"], read["name"], read["lines"]) == (0.7, None, None, "812", [])


def test_a_card_in_a_scene_is_blanked() -> None:
    assert "4111 1111 1111 1111" not in receipts.scripted({"text": "VISA 4111 1111 1111 1111"})["text"]


def test_a_tenant_by_tax_number_then_id_then_name() -> None:
    def of(tax: str | None, *lines: str) -> tuple[str | None, int | None]:
        return receipts.tenant_of(TENANTS, tax, lines, inside=False)

    assert of("DE812345678", "Noodle Bar") == ("T1", None)
    assert of("DE1", "T3") == ("T3", 0)
    assert of(None, "Welcome", "Nodle Bor") == ("T2", 1)
    assert of(None, "Ndle Bor") == (None, None)


def test_a_number_is_the_same_however_it_is_spelt() -> None:
    assert (
        receipts.number_key({"tenant": "T1", "number": "ab-12 3"}) == receipts.number_key({"tenant": "T1", "number": "AB123"}) == "T1|AB123"
    )


def test_photos_within_the_bits() -> None:
    known = ["00000000000000ff"]
    assert receipts.seen_before("0000000000000003", known, 6)
    assert not receipts.seen_before("0000000000000001", known, 6)
    assert not receipts.seen_before(None, known, 16)


def test_less_than_the_window_back() -> None:
    at = datetime(2026, 5, 31, 10, tzinfo=UTC)
    assert receipts.within(["2026-05-01T10:00:00Z", "2026-05-01T10:00:01Z"], at, timedelta(days=30)) == ["2026-05-01T10:00:01Z"]


def test_days_back() -> None:
    assert receipts.days_back(date(2026, 3, 1), 1) == ["2026-03-01", "2026-02-28"]
