"""What a vendor does with its own package of plugins."""

from __future__ import annotations

import argparse

from storeloom.core.arguments.chain import reaching
from storeloom.core.arguments.parser import Commands, whole
from storeloom.core.commands.plugins import ACTIONS

GRADES = ("bronze", "silver", "gold")


def add(commands: Commands) -> None:
    """Declare `plugin`; its actions stand in `commands/plugin_*.py`."""
    command, option = commands.command, commands.option
    plugin = command("plugin", "plugins:plugin", "a vendor's package: check, sign, publish it", "供应商插件包：检验、签署、发布")
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
    _publishing(commands, plugin)
    promised = command(
        "surface", "surface:surface", "what changed of what storeloom promises to vendors", "对外承诺接口自上一版本以来的变化"
    )
    option(promised, "--write", action="store_true", en="keep the present one as this version's", words="将当前接口记为本版本的接口")


def _publishing(commands: Commands, plugin: argparse.ArgumentParser) -> None:
    """The options of `plugin sign` and `plugin publish`."""
    option = commands.option
    for name, metavar, en, words in (
        ("--vendor", "VENDOR", "sign, publish: your id in the chain", "sign、publish：您在连锁中的供应商编号"),
        ("--key", "FILE", "sign: your private key (storeloom trust key)", "sign：您的私钥（storeloom trust key）"),
        ("--base", "FILE", "sign: what you signed last (default: what is published)", "sign：上次签署的元数据（默认取已发布的）"),
        ("--output", "FILE", "sign: where the signed metadata goes", "sign：已签名元数据的输出文件"),
        ("--metadata", "FILE", "publish: the signed metadata", "publish：已签名的元数据"),
    ):
        option(plugin, name, metavar=metavar, en=en, words=words)
    option(plugin, "--days", type=whole(1), default=365, en="sign: good so long (default 365)", words="sign：有效天数（默认 365）")
    reaching(commands, plugin)
