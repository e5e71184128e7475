"""What a vendor does with its own package of plugins."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands
from storeloom.core.commands.plugins import ACTIONS

GRADES = ("bronze", "silver", "gold")


def add(commands: Commands) -> None:
    """Declare `plugin`; its actions stand in `commands/plugin_*.py`."""
    command, option = commands.command, commands.option
    plugin = command("plugin", "plugins:plugin", "a vendor's package: check it", "供应商插件包：检验")
    option(plugin, "action", choices=tuple(ACTIONS), en="what to do", words="操作")
    option(
        plugin,
        "names",
        nargs="*",
        metavar="PATH|WHEEL|PACKAGE|ADAPTER",
        en="check: a source folder, wheel or installed package, or its plugins; adapters (default: all with a twin)",
        words="check：源码目录、wheel、已安装的软件包或其中的插件；或适配器（默认全部带孪生者）",
    )
    option(
        plugin,
        "--only",
        action="append",
        metavar="RULE",
        en="check: only this rule or group, as packaged.licence or behaviour; of adapters only this check, as fault:reset:during",
        words="check：仅该规则或规则组，如 packaged.licence 或 behaviour；对适配器仅该项检查，如 fault:reset:during",
    )
    option(
        plugin,
        "--long",
        action="store_true",
        en="check: the long form, as of ten thousand messages each",
        words="check：长式检验，如收发一万条消息",
    )
    option(
        plugin,
        "--against",
        metavar="FOLDER|WHEEL|CATALOGUE",
        en="check: its last version (default: the installed one, or the last tag)",
        words="check：上一版本（默认已安装版本或最近标签）",
    )
    option(plugin, "--grade", choices=GRADES, default="bronze", en="check: exit 1 below this grade", words="check：低于该等级时退出码为 1")
    option(plugin, "--html", metavar="FILE", en="check: write the report as a page", words="check：将报告写为网页")
