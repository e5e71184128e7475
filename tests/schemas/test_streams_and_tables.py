"""The hand-kept schemas of streams and tables: valid, complete against the field page, strict where they should be."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
STREAMS = ROOT / "schemas" / "streams"
TABLES = ROOT / "schemas" / "tables"
PAGE = ROOT.parent / "shared" / "catalogue" / "streams.md"
FILES = sorted([*STREAMS.glob("*.json"), *TABLES.glob("*.json")])
GROUPS = {"sales", "orders", "members", "staff", "stock", "vision", "devices", "building", "outside", "decisions"}
T0, T1 = "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def problems(path: Path, data: dict[str, Any]) -> list[str]:
    checker = Draft202012Validator.FORMAT_CHECKER
    return [error.message for error in Draft202012Validator(load(path), format_checker=checker).iter_errors(data)]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_file_is_a_valid_and_stable_schema(path: Path) -> None:
    schema = load(path)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"storeloom:{path.parent.name}/{path.stem}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] and schema["description"].endswith(".")
    assert re.search(r"[\u4e00-\u9fff]", schema["x-zh"])
    assert schema["type"] == "object" and "additionalProperties" not in schema
    assert set(schema.get("required", [])) <= set(schema["properties"])
    assert path.read_text(encoding="utf-8") == json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def test_each_stream_names_its_group_and_whether_it_is_a_command() -> None:
    for path in STREAMS.glob("*.json"):
        schema = load(path)
        assert schema["x-group"] in GROUPS, path.stem
        assert isinstance(schema["x-command"], bool), path.stem
        assert ("cmd" in schema["properties"]) >= schema["x-command"], path.stem


KEPT_GROUPS = {"sales", "orders", "members", "staff", "stock", "decisions"}
KEPT = {"vision.count", "vision.incident", "vision.item", "vision.track", "vision.plate", "parking.event", "parking.charge"}


def test_queues_are_well_declared_and_money_stock_and_alerts_are_never_left_out() -> None:
    lossy = set()
    for path in STREAMS.glob("*.json"):
        schema = load(path)
        queue = schema.get("x-queue", {"policy": "block", "limit": 1})
        assert set(queue) <= {"policy", "limit", "per", "one_in"} and queue["policy"] in {"block", "drop_oldest", "sample"}, path.stem
        assert queue["limit"] >= 1 and queue.get("one_in", 2) >= 2, path.stem
        assert "per" not in queue or queue["per"] in schema["required"], path.stem
        assert ("one_in" in queue) <= (queue["policy"] == "sample"), path.stem
        assert schema.get("x-late-s", 1) > 0, path.stem
        if queue["policy"] != "block":
            lossy.add(path.stem)
            assert schema["x-group"] not in KEPT_GROUPS and not schema["x-command"], path.stem
    assert not lossy & KEPT and {"camera.frame", "sensor.reading", "meter.reading"} <= lossy


def test_each_table_names_its_key() -> None:
    for path in TABLES.glob("*.json"):
        schema = load(path)
        assert schema["x-key"] and set(schema["x-key"]) <= set(schema["properties"]), path.stem
        assert set(schema["required"]) <= set(schema["x-full"]) | set(schema["x-key"]), path.stem
        assert {"from", "to"} <= set(schema["properties"]) or not schema["x-valid"], path.stem


def test_kinds_stay_open() -> None:
    """A plugin ignores kinds that it does not know, so no schema may refuse them."""
    for path in FILES:
        for found in walk(load(path)["properties"]):
            kind = found.get("kind")
            assert not (isinstance(kind, dict) and "enum" in kind), path.stem


def walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walk(value))]
    return []


def page() -> str:
    if not PAGE.exists():
        pytest.skip("shared/catalogue/streams.md absent")
    return PAGE.read_text(encoding="utf-8")


def test_every_stream_and_field_of_the_page_has_a_schema() -> None:
    text = page().split("## Wanted")[0].split("## Tables")[0] + page().split("## Added")[1]
    lines = re.findall(r"^- `([a-z]+\.[a-z]+)` (C )?(.*)$", text, re.MULTILINE)
    assert len(lines) > 90
    for name, command, rest in lines:
        if ":" not in rest:
            continue
        schema = load(STREAMS / f"{name}.json")
        assert schema["x-command"] is bool(command), name
        written = json.dumps(schema)
        for field in re.findall(r"(?:^|[,{]) ?([a-z_]+)\??:", rest):
            assert f'"{field}": ' in written, (name, field)


def test_every_table_and_column_of_the_page_has_a_schema() -> None:
    text = page().split("## Tables")[1]
    old = re.findall(r"^- `([a-z_]+)` \*\*([^*]+)\*\*", text, re.MULTILINE)
    for name, rest in re.findall(r"^- `([a-z_]+)` \*\*[^*]+\*\*(.*)$", text, re.MULTILINE):
        bare = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", re.sub(r"\([^()]*\)", "", rest))
        columns = set(re.findall(r", ([a-z0-9_]+)", bare))
        assert columns <= set(load(TABLES / f"{name}.json")["properties"]), name
    new = re.findall(r"^- table `([a-z_]+)`: ([a-z_]+):", text, re.MULTILINE)
    assert len(old) == 18 and len(new) == 2
    for name, key in [*old, *new]:
        schema = load(TABLES / f"{name}.json")
        words = set(re.findall(r"[a-z_]+", key)) - {"or"}
        assert words == set(schema["x-key"]), name


VALID = [
    (
        "pos.sale",
        {
            "receipt": "r1",
            "kind": "sale",
            "till": "t1",
            "channel": "till",
            "total": 1290,
            "lines": [{"line": 1, "gtin": "6901234567892", "qty": 1, "price": 1290, "amount": 1290}],
            "payments": [{"method": "cash", "amount": 1290}],
            "note": "unknown fields are kept",
        },
    ),
    ("payment.result", {"payment": "p1", "status": "asked", "method": "qr", "amount": 5}),
    ("payment.request", {"payment": "p1", "amount": 5}),
    ("order.status", {"order": "o1", "status": "allocated", "lines": [{"line": 1, "qty": 2}]}),
    ("delivery.slot", {"slot": "s1", "from": T0, "to": T1, "capacity": 4, "taken": 4, "open": False}),
    (
        "member.consent",
        {"member": "m1", "purpose": "marketing", "status": "granted", "version": "3", "at": T0, "channel": "app"},
    ),
    ("member.event", {"member": "m1", "kind": "a_kind_of_tomorrow"}),
    ("shift.propose", {"shift": "s1", "role": "cashier", "start": T0, "end": T1, "kind": "draft"}),
    ("inventory.snapshot", {"gtin": "1", "on_hand": 3, "lot": "A", "expiry": "2026-03-09"}),
    ("camera.frame", {"camera": "c1", "seq": 1, "scene": {"objects": [{"class": "person", "box": [0, 0, 0.5, 1]}]}}),
    ("camera.frame", {"camera": "c1", "seq": 1, "width": 640, "height": 480, "pixels": "shm:1"}),
    ("vision.track", {"camera": "c1", "track": "t", "class": "person", "state": "new", "points": [[T0, 1.5, 2]]}),
    ("label.update", {"label": "l1", "version": "1", "template": "price", "fields": {"price": 1290}, "cmd": "c1"}),
    ("light.set", {"group": "g1", "level_pct": 40, "priority": "comfort"}),
    ("refrigeration.set", {"asset": "a1", "setpoint_c": 3, "priority": "food"}),
    ("weather.forecast", {"from": T0, "to": T1, "temp_c": -3.5, "issued": T0}),
    (
        "price.set",
        {
            "gtin": "1",
            "price": 900,
            "from": T0,
            "kind": "markdown",
            "reason": "expiry",
            "scope": {"lot": "A"},
            "status": "proposed",
        },
    ),
    (
        "planogram.propose",
        {
            "proposal": "p",
            "kind": "store",
            "fixture": "f",
            "from": "2026-03-02",
            "status": "approved",
            "slots": [{"shelf": 1, "slot": "1", "gtin": "1", "facings": 2}],
        },
    ),
]
INVALID = [
    (
        "pos.sale",
        {"receipt": "r1", "kind": "sale", "till": "t1", "channel": "till", "lines": [], "payments": []},
        "'total' is a required",
    ),
    (
        "pos.sale",
        {"receipt": "r1", "kind": "sale", "till": "t1", "channel": "pigeon", "total": 0, "lines": [], "payments": []},
        "pigeon",
    ),
    ("payment.request", {"payment": "p1", "amount": 5.5}, "5.5 is not of type 'integer'"),
    (
        "order.placed",
        {
            "order": "o1",
            "channel": "app",
            "kind": "pickup",
            "lines": [{"line": 1, "qty": 1, "price": 1, "amount": 1}],
            "total": 1,
            "paid": True,
        },
        "'gtin' is a req",
    ),
    ("coupon.state", {"coupon": "c", "code": "x", "status": "eaten"}, "eaten"),
    (
        "approval.request",
        {"request": "r", "kind": "price", "title": "t", "fields": {}, "approvers": "boss"},
        "not of type 'array'",
    ),
    ("rfid.read", {"epc": "e", "reader": "r", "antenna": 1, "rssi_dbm": -50}, "1 is not of type 'string'"),
    ("camera.frame", {"camera": "c1", "seq": 1, "width": 640}, "not valid under any"),
    (
        "vision.detections",
        {"camera": "c", "seq": 1, "model": "m", "boxes": [{"class": "person", "score": 1, "box": [0, 0, 640, 1]}]},
        "640",
    ),
    ("gate.open", {"gate": "g1"}, "'reason' is a required"),
    ("relay.set", {"relay": "r1", "on": "yes"}, "not of type 'boolean'"),
    ("hvac.set", {"unit": "u", "priority": "whim"}, "whim"),
    ("calendar.event", {"event": "e", "kind": "local", "name": "n", "from": 5, "to": T0}, "5 is not of type 'string'"),
    ("alert.raise", {"alert": "a", "kind": "k", "severity": "loud", "state": "open", "text": "t"}, "loud"),
]
ROWS = [
    ("assets", {"asset": "chiller-1", "kind": "chiller"}, None),
    ("prices", {"gtin": "1", "kind": "base", "from": "2026-03-01", "price": 1290, "per": "each"}, None),
    ("prices", {"gtin": "1", "kind": "base", "price": 12.9}, "12.9 is not of type 'integer'"),
    ("products", {"gtin": "1", "storage": "warm"}, "warm"),
    ("skills", {"skill": "forklift", "level": 2}, "not valid under any"),
    ("recipes", {"recipe": "r", "ingredients": [{"gtin": "1", "qty": 2}]}, "'unit' is a required"),
    ("documents", {"kind": "permit"}, "'document' is a required"),
]


@pytest.mark.parametrize(("stream", "data"), VALID)
def test_a_good_event_passes(stream: str, data: dict[str, Any]) -> None:
    assert problems(STREAMS / f"{stream}.json", data) == []


@pytest.mark.parametrize(("stream", "data", "message"), INVALID)
def test_a_bad_event_is_refused_with_its_reason(stream: str, data: dict[str, Any], message: str) -> None:
    found = problems(STREAMS / f"{stream}.json", data)
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize(("table", "row", "message"), ROWS)
def test_rows(table: str, row: dict[str, Any], message: str | None) -> None:
    found = problems(TABLES / f"{table}.json", row)
    assert (found == []) if message is None else (len(found) == 1 and message in found[0]), found
