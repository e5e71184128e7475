"""What a vendor does with its own package of plugins."""

from __future__ import annotations

import argparse
from typing import Any

from storeloom.core.arguments.parser import Commands
from storeloom.core.commands.plugins import ACTIONS


def add(commands: Commands) -> None:
    """Declare `plugin`; its actions stand in `commands/plugin_*.py`."""
    command, option = commands.command, commands.option
    plugin = command("plugin", "plugins:plugin", "a vendor's package: make it, check it", "供应商插件包：新建、检验")
    option(plugin, "action", choices=tuple(ACTIONS), en="what to do", words="操作")
    option(
        plugin,
        "names",
        nargs="*",
        metavar="NAME",
        en="new: the package; check: adapters (default: all with a twin)",
        words="new：包名；check：适配器（默认全部带孪生者）",
    )
    option(plugin, "--only", action="append", metavar="CHECK", en="check: only this, as fault:reset:during", words="check：仅该项检查")
    option(
        plugin,
        "--long",
        action="store_true",
        en="check: ten thousand messages each, not some hundreds",
        words="check：收发一万条消息，而非数百条",
    )
    _new(commands, plugin)


def _new(commands: Commands, plugin: argparse.ArgumentParser) -> None:
    """The options of `plugin new`."""
    lists: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    commands.option(plugin, "--solution", **lists, metavar="SCENARIO/ID", en="new: a solution (also PILLAR/SCENARIO/ID)", words="new：方案")
    commands.option(plugin, "--adapter", **lists, metavar="KIND/ID", en="new: an adapter and its twin", words="new：适配器及其孪生体")
    commands.option(plugin, "--vendor", metavar="NAME", en='new: who makes it, as "Acme GmbH"', words="new：供应商名称")
    commands.option(plugin, "--output", metavar="FOLDER", en="new: its folder (default: NAME, or the package here)", words="new：目标目录")
