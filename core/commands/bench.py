"""`bench`: measurements as JSON or as a table."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault

AREAS = (
    "adapters",
    "catalogue",
    "compose",
    "engines",
    "fleet",
    "forecast",
    "insight",
    "items",
    "log",
    "optimise_routes",
    "optimise_stock",
    "runtime",
    "soak",
    "studio",
    "solutions",
    "swap",
    "tracking",
    "vision",
    "vision_models",
    "vision_rules",
)

TAKES = {
    "engines": ("quick",),
    "fleet": ("database",),
    "forecast": ("data",),
    "insight": ("data",),
    "items": ("data", "split"),
    "optimise_stock": ("data",),
    "solutions": ("quick",),
}


def bench(arguments: argparse.Namespace) -> int:
    """Measure an area, or all; 1 when a goal is missed."""
    from storeloom.core.bench.harness import machine

    if arguments.area not in (*AREAS, "all"):
        known = ", ".join(AREAS)
        reason = {"en": f"no bench area '{arguments.area}'; known: {known}, all", "zh": f"没有测试项“{arguments.area}”；可用：{known}, all"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom bench"}))
    given = {"data": arguments.data and Path(arguments.data), "database": getattr(arguments, "database", None)}
    given |= {"split": arguments.split, "quick": getattr(arguments, "quick", False)}
    options = {key: value for key, value in given.items() if value}
    if set(options) - set(TAKES.get(arguments.area, ())):
        reason = {
            "en": "--data belongs to the areas 'forecast', 'insight', 'items' and 'optimise_stock', --database to 'fleet', "
            "--split to 'items', --quick to 'engines' and 'solutions'",
            "zh": "--data 只用于“forecast”、“insight”、“items”与“optimise_stock”，--database 只用于“fleet”，"
            "--split 只用于“items”，--quick 只用于“engines”与“solutions”",
        }
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom bench"}))
    areas = AREAS if arguments.area == "all" else (arguments.area,)
    modules = [importlib.import_module(f"storeloom.core.bench.{area}") for area in areas]
    results = [result for module in modules for result in module.measure(**options)]
    if arguments.json:
        print_json({"machine": machine(), "results": [result.as_dict() for result in results]})
    else:
        for result in results:
            if result.in_table:
                continue
            mark = "ok  " if result.met else "MISS"
            goal = f"goal {result.goal}; " if result.goal else ""
            print(f"{mark} {result.name}: {result.value:.4g} {result.unit} ({goal}{result.against}; {result.runs} runs)")
        for line in (line for module in modules if hasattr(module, "table") for line in module.table(results)):
            print(line)
    return 0 if all(result.met for result in results) else 1
