"""What a vendor does with its packages, and what storeloom promises to it."""

from __future__ import annotations

from typing import Any

from storeloom.core.arguments.chain import reaching
from storeloom.core.arguments.parser import Commands, whole

GRADES = ("bronze", "silver", "gold")


def add(commands: Commands) -> None:
    """Declare `plugin`, each action a command of its own, and `surface`."""
    plugin = commands.group("plugin", "a vendor's package: make, check, sign, publish it", "供应商插件包：新建、检验、签署、发布")
    _new(plugin)
    _check(plugin)
    _sign(plugin)
    _publish(plugin)
    promised = commands.command(
        "surface", "surface:surface", "what changed of what storeloom promises to vendors", "对外承诺接口自上一版本以来的变化"
    )
    commands.option(
        promised, "--write", action="store_true", en="keep the present one as this version's", words="将当前接口记为本版本的接口"
    )


def _new(plugin: Commands) -> None:
    new = plugin.command("new", "plugin_new:new", "a package of a vendor's own, or a plugin more in it", "新建插件包，或在其中新增插件")
    option = plugin.option
    lists: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    option(new, "name", nargs="?", metavar="NAME", en="the package (default: the one in this folder)", words="包名（默认当前目录中的包）")
    option(
        new, "--solution", **lists, metavar="SCENARIO/ID", en="a solution (also PILLAR/SCENARIO/ID)", words="方案（亦可 支柱/场景/编号）"
    )
    option(new, "--adapter", **lists, metavar="KIND/ID", en="an adapter and its twin", words="适配器及其孪生体")
    option(new, "--vendor", metavar="NAME", en='who makes it, as "Acme GmbH"', words="供应商名称，如“某某科技”")
    option(new, "--output", metavar="FOLDER", en="its folder (default: NAME, or the package here)", words="目标目录（默认 NAME，或当前包）")


def _check(plugin: Commands) -> None:
    check = plugin.command(
        "check", "plugin_check:check", "check packages, plugins or adapters; grade them", "检验并评级插件包、插件或适配器"
    )
    option = plugin.option
    option(
        check,
        "names",
        nargs="*",
        metavar="PATH|WHEEL|PACKAGE|ADAPTER",
        en="a source folder, wheel or installed package, or its plugins; adapters (default: all with a twin)",
        words="源码目录、wheel、已安装的软件包或其中的插件；或适配器（默认全部带孪生者）",
    )
    option(
        check,
        "--only",
        action="append",
        metavar="RULE",
        en="only this rule or group, as packaged.licence or behaviour; of adapters only this check, as fault:reset:during",
        words="仅该规则或规则组，如 packaged.licence 或 behaviour；对适配器仅该项检查，如 fault:reset:during",
    )
    option(check, "--long", action="store_true", en="the long form, as of ten thousand messages each", words="长式检验，如收发一万条消息")
    option(
        check,
        "--against",
        metavar="FOLDER|WHEEL|CATALOGUE",
        en="its last version (default: the installed one, or the last tag)",
        words="上一版本（默认已安装版本或最近标签）",
    )
    option(check, "--grade", choices=GRADES, default="bronze", en="exit 1 below this grade", words="低于该等级时退出码为 1")
    option(check, "--html", metavar="FILE", en="write the report as a page", words="将报告写为网页")


def _sign(plugin: Commands) -> None:
    sign = plugin.command("sign", "plugin_sign:sign", "sign wheels, where your key is", "在存放密钥处签署 wheel")
    option = plugin.option
    option(sign, "names", nargs="*", metavar="WHEEL", en="none: the same ones for longer", words="不给出则延长已签署者的有效期")
    option(sign, "--vendor", required=True, metavar="VENDOR", en="your id in the chain", words="您在连锁中的供应商编号")
    option(
        sign, "--key", required=True, metavar="FILE", en="your private key (storeloom trust key)", words="您的私钥（storeloom trust key）"
    )
    option(sign, "--output", required=True, metavar="FILE", en="where the signed metadata goes", words="已签名元数据的输出文件")
    option(
        sign, "--base", metavar="FILE", en="what you signed last (default: what is published)", words="上次签署的元数据（默认为已发布者）"
    )
    option(sign, "--days", type=whole(1), default=365, en="good so long (default 365)", words="有效天数（默认 365）")
    reaching(plugin, sign)


def _publish(plugin: Commands) -> None:
    publish = plugin.command("publish", "plugin_publish:publish", "bring what you signed to a chain", "将已签署的内容发布到连锁")
    option = plugin.option
    option(publish, "names", nargs="*", metavar="WHEEL", en="the wheels that the metadata names", words="元数据所列的 wheel")
    option(publish, "--metadata", required=True, metavar="FILE", en="the signed metadata", words="已签名的元数据")
    option(
        publish, "--vendor", metavar="VENDOR", en="your id in the chain (default: the metadata's)", words="您的供应商编号（默认取自元数据）"
    )
    reaching(plugin, publish)
