"""What a vendor does with its own package of plugins."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands
from storeloom.core.commands.plugins import ACTIONS


def add(commands: Commands) -> None:
    """Declare `plugin`; its actions stand in `commands/plugin_*.py`."""
    command, option = commands.command, commands.option
    plugin = command("plugin", "plugins:plugin", "a vendor's package: check it", "供应商插件包：检验")
    option(plugin, "action", choices=tuple(ACTIONS), en="what to do", words="操作")
    option(plugin, "names", nargs="*", metavar="ADAPTER", en="which (default: all with a twin)", words="适配器（默认全部带孪生者）")
    option(plugin, "--only", action="append", metavar="CHECK", en="check: only this, as fault:reset:during", words="check：仅该项检查")
    option(
        plugin,
        "--long",
        action="store_true",
        en="check: ten thousand messages each, not some hundreds",
        words="check：收发一万条消息，而非数百条",
    )
