"""The page of an adapter: what a reader needs to wire and set it, all from the declaration."""

from __future__ import annotations

from storeloom.core.kernel.adapter_page import page

FACTS = {
    "en": "Gate controller",
    "zh": "闸机控制器",
    "kind": "gate",
    "version": "1.2.0",
    "purpose_en": "Lines over TCP.",
    "purpose_zh": "行协议。",
    "notes": ["Wire A to 1."],
    "feeds": ["gate.state", "device.status"],
    "takes": ["gate.open"],
    "capabilities": ["feedback"],
    "discovers": "an address range, as 10.0.0.0/28",
    "known": ["Acme G1"],
    "twin": "acme.twin:Gate",
}
SCHEMA = {
    "required": ["unit"],
    "properties": {
        "host": {"type": "string", "default": "127.0.0.1", "title": "Host", "x-zh": "主机", "x-effect": "restart"},
        "unit": {"type": "integer", "minimum": 1, "maximum": 247, "title": "Unit", "x-zh": "站号", "examples": [7]},
        "password": {"type": "string", "default": "", "title": "Secret", "x-zh": "密钥名", "x-widget": "secret"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "title": "Time | limit", "x-zh": "时限", "x-unit": "s"},
        "parity": {"enum": ["even", "odd"], "default": "even", "title": "Parity", "x-zh": "校验"},
    },
}
KINDS = {"gate": {"takes": {"gate.open": "exclusive"}}}


def test_all_that_a_reader_needs_stands_on_the_page() -> None:
    text = page("line_gate", FACTS, SCHEMA, KINDS)
    for line in (
        "# Gate controller · 闸机控制器",
        "Wire A to 1.",
        'adapter = "line_gate"',
        'host = "127.0.0.1"  # Host',
        "unit = 7  # Unit",
        "| `unit` | Unit · 站号 | integer 1..247 | required | live 即时 |",
        '| `password` | Secret · 密钥名 | string, the name of a secret | `""` | live 即时 |',
        "| `timeout_s` | Time \\| limit · 时限 | number 0.. | `1.0` s | live 即时 |",
        '| `parity` | Parity · 校验 | `even`, `odd` | `"even"` | live 即时 |',
        "Feeds: `gate.state`, `device.status`.",
        "Takes: `gate.open` (exclusive).",
        "Capabilities: `feedback`.",
        "`storeloom device find line_gate WHERE`, where WHERE is an address range, as 10.0.0.0/28.",
        "- Acme G1",
    ):
        assert line in text.splitlines(), line
    assert "password =" not in text
