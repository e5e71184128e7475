"""Solutions made up for measuring: a vendor's package that fills the catalogue up to a number, with configs of the usual size."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from storeloom.core.kernel.index import DIALECT, dump
from storeloom.core.kernel.registry import GROUP, Catalogue, Package

NAME = "benchpack"
MODULE = '''"""Counts readings by sensor and reports every hundredth; as much work as a small rule does."""

from storeloom.core.kernel.contract import Solution, kpi, on, out


class Made(Solution):
    zh, en = "测量", "Made"
    purpose_zh = "测量用"
    formats = ("supermarket",)
    produces = ("alert.raise",)
    kpis = {"kpi_0": kpi("count", "Figure 0", "指标 0")}
    kinds = {"made": ("Made", "测量")}

    @on("sensor.reading?")
    def count(self, event):
        seen = self.state.get(event["sensor"], 0) + 1
        self.state[event["sensor"]] = seen
        self.kpi.add("kpi_0")
        if seen % 100 == 0:
            return out("alert.raise", alert="made", kind="made", severity="info", state="open", text=str(seen))
'''


def make_package(folder: Path, catalogue: Catalogue, total: int) -> Package:
    """Write a package with as many solutions as are missing to `total`, spread over the scenarios, and announce it by an entry point."""
    root = folder / NAME
    (root / "schemas" / "solutions").mkdir(parents=True)
    (root / "solutions").mkdir()
    (root / "__init__.py").write_text('"""Made for measuring."""\n', encoding="utf-8")
    info = folder / f"{NAME}-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{NAME} = {NAME}\n", encoding="utf-8")
    index: dict[str, Any] = {"version": 1, "solutions": {}, "adapters": {}}
    listing: dict[str, list[str]] = {}
    scenarios = list(catalogue.scenarios)
    for number in range(total - len(catalogue.solutions)):
        name, scenario = f"made_{number:03d}", scenarios[number % len(scenarios)]
        text = dump(_schema(name))
        file = f"schemas/solutions/{name}.json"
        (root / file).write_text(text, encoding="utf-8")
        (root / "solutions" / f"{name}.py").write_text(MODULE, encoding="utf-8")
        facts = _facts(name, scenario, catalogue.scenarios[scenario]["pillar"])
        facts |= {"schema": file, "path": f"solutions/{name}.py", "schema_sha256": hashlib.sha256(text.encode()).hexdigest()}
        index["solutions"][name] = facts
        listing.setdefault(scenario, []).append(f'{name} = "solutions/{name}.py"')
    (root / "schemas" / "catalogue.json").write_text(dump(index), encoding="utf-8")
    lines = [line for scenario, found in listing.items() for line in (f"[scenario.{scenario}.solutions]", *found)]
    (root / "plugins.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Package(NAME, root)


def _facts(name: str, scenario: str, pillar: str) -> dict[str, Any]:
    words = "Measures how the catalogue reads when every kind of solution is there, with a purpose as long as those that people write. " * 2
    return {
        "number": None,
        "en": f"Made {name}",
        "zh": f"测量 {name}",
        "purpose_en": words.strip(),
        "purpose_zh": "用于测量目录在全部方案齐备时的读取速度，长度与真实说明相当。" * 2,
        "formats": ["supermarket", "mall", "convenience", "specialty"],
        "load": "light",
        "version": "1.0.0",
        "consumes": ["pos.sale", "sensor.reading?"],
        "produces": ["alert.raise", "task.create", "score.report"],
        "adapters": ["pos", "sensor?"],
        "reads": ["products", "prices"],
        "kpis": {f"kpi_{n}": {"unit": "count", "en": f"Figure {n}", "zh": f"指标 {n}"} for n in range(4)},
        "kinds": {"made": {"en": "Made", "zh": "测量"}},
        "hooks": [],
        "pillar": pillar,
        "scenario": scenario,
    }


def _schema(name: str) -> dict[str, Any]:
    """A config schema of 27 keys with a definition, a list, a map and a condition."""
    numbers = {f"limit_{n}": {"type": "number", "minimum": 0, "maximum": 100, "default": n, "x-effect": "live"} for n in range(12)}
    words = {f"word_{n}": {"type": "string", "pattern": "^[a-z_]+$", "default": "close", "x-effect": "live"} for n in range(6)}
    flags = {f"flag_{n}": {"type": "boolean", "default": True, "x-effect": "live"} for n in range(5)}
    span = {"type": "object", "properties": {"from": {"type": "string"}, "to": {"type": "string"}}, "required": ["from", "to"]}
    rest = {
        "mode": {"enum": ["a", "b", "c"], "default": "a", "x-effect": "live"},
        "spans": {"type": "array", "items": {"$ref": "#/$defs/span"}, "default": [], "x-effect": "live"},
        "by_class": {"type": "object", "additionalProperties": {"type": "number"}, "default": {"A": 1, "B": 2}, "x-effect": "live"},
        "seed": {"type": "integer", "default": 1, "x-effect": "live"},
    }
    return {
        "$schema": DIALECT,
        "$id": f"storeloom:solutions/{name}",
        "title": name,
        "type": "object",
        "properties": {**numbers, **words, **flags, **rest},
        "additionalProperties": False,
        "if": {"properties": {"mode": {"const": "c"}}, "required": ["mode"]},
        "then": {"required": ["seed"]},
        "$defs": {"span": span},
    }


def config(number: int) -> bytes:
    """A whole config for a made solution; one in fifty has a fault."""
    schema = _schema("x")["properties"]
    values = {key: facts["default"] for key, facts in schema.items()}
    values["spans"] = [{"from": "08:00", "to": "12:00"}, {"from": "14:00", "to": "18:00"}]
    values["by_class"] = {chr(65 + n): n * 1.5 for n in range(8)}
    values["limit_0"] = 101 if number % 50 == 0 else number % 100
    return json.dumps(values).encode()
