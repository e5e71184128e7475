"""The `storeloom` command: arguments, language, exit codes. What a command does stands in `core/commands/`, imported when it is called.

Exit codes: 0 fine, 1 findings, 2 misuse.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from storeloom.core.kernel.errors import DocumentFault, Finding, MisuseFault, StoreloomError

VERSION = "0.1.0"
PILLARS = ("people", "personnel", "process", "product", "premise")
FORMATS = ("supermarket", "mall", "convenience", "specialty")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises its complaints, so that they read like every other finding."""

    def error(self, message: str) -> NoReturn:
        reason = message.rstrip(".")
        raise MisuseFault(Finding("SL-CLI-01", {"reason": {"en": reason, "zh": complaint_zh(reason)}, "command": self.prog}))


COMPLAINTS_ZH = (
    (r"the following arguments are required: (.+)", r"缺少参数：\1"),
    (r"unrecognized arguments: (.+)", r"未知的参数：\1"),
    (r"argument (.+?): invalid choice: (.+) \(choose from (.+)\)", r"参数 \1 不能为 \2（可选：\3）"),
    (r"argument (.+?): invalid (?:int|float) value: (.+)", r"参数 \1 应为数字，当前为 \2"),
    (r"argument (.+?): must be (.+), got (.*)", r"参数 \1 须 \2，当前为 \3"),
    (r"argument (.+?): expected (?:one|at least one) argument", r"参数 \1 缺少取值"),
)


def complaint_zh(reason: str) -> str:
    """What argparse complains of, in Chinese; its own words where they are others."""
    for pattern, words in COMPLAINTS_ZH:
        if re.fullmatch(pattern, reason):
            return re.sub(pattern, words, reason)
    return reason


def language(argv: Sequence[str]) -> str:
    """zh or en: what `--lang` says, else the locale."""
    for index, word in enumerate(argv):
        if word == "--lang" and index + 1 < len(argv) and argv[index + 1] in ("zh", "en"):
            return argv[index + 1]
        if word in ("--lang=zh", "--lang=en"):
            return word[-2:]
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


def whole(least: int) -> Callable[[str], int]:
    """The type of an option: a whole number, not below `least`."""

    def number(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be >= {least}, got {text}")
        return int(text)

    return number


def positive(text: str) -> float:
    """The type of an option: a number above zero."""
    if not re.fullmatch(r"\d{1,9}(\.\d+)?|\.\d+", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"must be > 0, got {text}")
    return float(text)


def build_parser(lang: str) -> Parser:
    """The whole command line, its help in one language."""
    zh = lang == "zh"
    parser = Parser(
        prog="storeloom",
        description="按门店组合、试跑并发布方案包。" if zh else "Compose, try, pack and run a store's bundle of solutions.",
    )
    parser.add_argument("--lang", choices=("zh", "en"), help="输出语言" if zh else "language of the output")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, target: str, en: str, words: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words if zh else en, description=words if zh else en)
        sub.set_defaults(target=target)
        return sub

    def option(sub: argparse.ArgumentParser, *names: str, en: str, words: str, **more: Any) -> None:
        sub.add_argument(*names, help=words if zh else en, **more)

    cat = command("catalogue", "catalogue:catalogue", "list the solutions that are installed", "列出已安装的方案")
    option(cat, "--pillar", choices=PILLARS, en="only this pillar", words="只列该支柱")
    option(cat, "--scenario", en="only this scenario", words="只列该场景")
    option(cat, "--format", choices=FORMATS, en="only for this kind of store", words="只列适用该业态的方案")
    option(cat, "--search", en="words in id, titles or purpose, zh or en", words="按编号、名称或用途搜索（中英文）")
    show = command("show", "catalogue:show", "all about one solution", "查看一个方案的全部信息")
    option(show, "id", en="its id, such as smart_cart", words="方案 id，如 smart_cart")
    for name, target, en, words in (
        ("check", "bundles:check", "check a bundle, template, overlay or store profile", "检查方案包、模板、覆盖层或门店档案"),
        (
            "compose",
            "bundles:compose",
            "compose a bundle: wiring, devices, capacity and all findings",
            "组合方案包：连线、设备、容量与全部检查结果",
        ),
    ):
        sub = command(name, target, en, words)
        option(sub, "file", en="TOML, YAML or JSON file", words="TOML、YAML 或 JSON 文件")
    explain = command("explain", "bundles:explain", "where each value comes from", "说明每个取值的来源")
    option(explain, "file", en="the bundle", words="方案包文件")
    option(explain, "path", nargs="?", default="", en="only this place, e.g. solutions.smart_cart.config", words="只看该位置")
    pack = command("pack", "bundles:pack", "pack a bundle: resolved, locked, reproducible", "打包：解析、锁定、可复现")
    option(pack, "file", en="the bundle", words="方案包文件")
    option(pack, "-o", "--output", en="where to (default: NAME.bundle.json beside it)", words="输出文件（默认在其旁 NAME.bundle.json）")
    trial = command(
        "try", "trial:trial", "try a bundle on a virtual store, or on real receipts and footage", "在虚拟门店或真实数据上试跑方案包"
    )
    option(trial, "file", nargs="?", en="the bundle (default: the supermarket example)", words="方案包文件（默认：超市示例）")
    option(trial, "--solution", en="try one solution alone, with its defaults", words="以默认配置单独试跑一个方案")
    option(trial, "--days", type=whole(1), default=1, en="virtual days (default 1)", words="虚拟天数（默认 1）")
    option(trial, "--start", en="first day, such as 2026-03-02", words="首日，如 2026-03-02")
    option(trial, "--seed", type=int, default=1, en="seed of the virtual store (default 1)", words="虚拟门店种子（默认 1）")
    option(trial, "--history", type=whole(0), default=0, en="days of records before them", words="此前的历史天数")
    option(trial, "--scale", type=positive, default=1.0, en="shoppers against the format's usual number", words="客流相对倍数")
    option(
        trial,
        "--pos",
        en="folder of real receipts (Complete Journey's Parquet, or CSV)",
        words="真实小票目录（Complete Journey 的 Parquet 或 CSV）",
    )
    option(trial, "--video", metavar="[CAMERA=]FILE", en="a camera's recording", words="摄像头录像")
    option(trial, "--report", en="write an HTML report with plots", words="写出带图表的 HTML 报告")
    run = command("run", "store:run", "run a packed bundle in a store", "在门店运行已打包的方案包")
    option(run, "file", en="the packed bundle", words="已打包的方案包")
    option(run, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    option(run, "--pos", en="take receipts from this folder", words="从该目录读取小票")
    option(run, "--video", metavar="[CAMERA=]FILE", en="take frames from this recording", words="从该录像读取画面")
    option(run, "--once", action="store_true", en="end when the sources have ended", words="输入结束即退出")
    option(
        run,
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        en="address of health, metrics and status (default: a free port of this machine)",
        words="健康检查、指标与状态的监听地址（默认本机任一空闲端口）",
    )
    apply = command("apply", "apply:apply", "bring a running store to another bundle or model", "为运行中的门店更换方案包或模型")
    option(
        apply, "file", en="the packed bundle, or with --model a model's folder or name", words="方案包文件；带 --model 时为模型目录或名称"
    )
    option(apply, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    option(apply, "--model", action="store_true", en="replace the detector's model", words="更换检测模型")
    option(apply, "--camera", en="with --model: only this camera's", words="与 --model 同用：仅该摄像头")
    option(
        apply,
        "--classes",
        metavar="CLASS,...",
        en="with --model: the classes that it must know (default: all that the model before it knows)",
        words="与 --model 同用：必须具备的类别（默认：原模型的全部类别）",
    )
    option(
        apply, "--wait", type=positive, default=30.0, en="seconds to wait for the answer (default 30)", words="等待答复的秒数（默认 30）"
    )
    top = command("top", "top:top", "a running store at a glance: solutions, queues, troubles", "查看运行中的门店：方案、队列与异常")
    option(top, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    option(top, "--once", action="store_true", en="show it once", words="只显示一次")
    option(top, "--every", type=positive, default=2.0, en="seconds between two looks (default 2)", words="刷新间隔秒数（默认 2）")
    health = command("health", "health:health", "whether a running store can sell", "运行中的门店能否正常营业")
    option(health, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    trace = command("trace", "trace:trace", "one event's causes and all that followed it", "追溯一个事件的起因与后续")
    option(trace, "event", metavar="EVENT_ID|SEQ", en="the event's id, or its number in the log", words="事件 id 或日志序号")
    option(trace, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    episode = command("episode", "episodes:run", "run episodes", "运行情景文件")
    option(episode, "action", choices=("run",), en="run", words="run")
    option(episode, "paths", nargs="+", metavar="PATH", en="files or folders", words="文件或目录")
    log = command(
        "log", "log:log", "check, compact or copy a store's log, also while the store runs", "检查、压缩或备份门店日志，门店运行时亦可"
    )
    option(log, "action", choices=("verify", "compact", "snapshot"), en="what to do", words="操作")
    option(log, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    option(log, "--keep-days", type=whole(0), en="compact: keep so many days (default 35)", words="compact：保留天数（默认 35）")
    option(log, "--keep-mb", type=whole(1), en="compact: keep at most so many MiB", words="compact：最多保留的 MiB 数")
    option(
        log,
        "--rebuild",
        action="store_true",
        en="compact: write the file anew (the store must not run)",
        words="compact：重写整个文件（须停店）",
    )
    option(log, "-o", "--output", metavar="FILE", en="snapshot: where to", words="snapshot：备份文件")
    dead = command("dead", "dead:dead", "commands that were given up: list them, send them again", "已放弃的指令：查看或重发")
    option(dead, "action", choices=("list", "resend"), en="what to do", words="操作")
    option(dead, "ids", nargs="*", metavar="ID", en="resend: which commands", words="resend：指令 id")
    option(dead, "--all", action="store_true", en="resend: all of them", words="resend：全部重发")
    option(dead, "--data", required=True, en="folder of the store's log", words="门店日志目录")
    index = command("index", "catalogue:index", "write schemas and the static catalogue from the plugins", "由插件生成 schemas 与静态目录")
    option(index, "--check", action="store_true", en="write nothing, say what is stale", words="只检查，不写入")
    option(index, "--package", en="a vendor's package (its folder)", words="供应商包目录")
    bench = command("bench", "bench:bench", "measure against stated limits, as ratios", "按既定目标测量性能（比值）")
    option(
        bench,
        "area",
        nargs="?",
        default="all",
        en="adapters, catalogue, compose, engines, forecast, insight, items, log, optimise_routes, optimise_stock, runtime, soak, swap, "
        "tracking, vision, vision_models, vision_rules, or all",
        words="adapters、catalogue、compose、engines、forecast、insight、items、log、optimise_routes、optimise_stock、runtime、soak、swap、tracking、"
        "vision、vision_models、vision_rules、all",
    )
    option(
        bench,
        "--data",
        metavar="FOLDER",
        en="forecast, insight, optimise_stock: the Complete Journey data set; items: the Grocery Store data set",
        words="forecast、insight、optimise_stock：Complete Journey 数据集目录；items：Grocery Store 数据集目录",
    )
    option(bench, "--split", metavar="NAME", en="items: recognise what NAME.txt lists (default val)", words="items：识别 NAME.txt 所列图片")
    option(
        bench,
        "--quick",
        action="store_true",
        en="engines: each figure on little, in under a minute",
        words="engines：小规模快速测量，一分钟内",
    )
    device = command("device", "devices:device", "find, probe, watch and command devices", "查找、检测、监看与控制设备")
    option(device, "action", choices=("find", "probe", "watch", "send"), en="what to do", words="操作")
    option(device, "file", metavar="STORE|ADAPTER", en="the store profile; find: the adapter", words="门店档案；find：适配器")
    option(
        device,
        "device",
        nargs="?",
        metavar="DEVICE|WHERE",
        en="the device (probe: default all); find: where to search",
        words="设备（probe 默认全部）；find：搜索范围",
    )
    option(device, "stream", nargs="?", en="send: the command's stream", words="send：指令数据流")
    option(device, "json_data", nargs="?", metavar="DATA", en="send: its data as JSON", words="send：JSON 数据")
    option(device, "--data", en="folder with the store's secrets.json", words="secrets.json 所在的门店数据目录")
    option(
        device,
        "--for",
        dest="seconds",
        type=positive,
        metavar="SECONDS",
        en="watch: end after so many seconds; find: search so long",
        words="watch：监看秒数；find：搜索秒数",
    )
    plugin = command("plugin", "devices:plugin", "conformance of adapters with their virtual twins", "用虚拟孪生检验适配器")
    option(plugin, "action", choices=("check",), en="check", words="check")
    option(plugin, "ids", nargs="*", metavar="ADAPTER", en="which (default: all with a twin)", words="适配器（默认全部带孪生者）")
    option(plugin, "--only", action="append", metavar="CHECK", en="only this check, as fault:reset:during", words="仅该项检查")
    models = command(
        "models", "models:models", "vision models: list, import, check, measure, teach items", "视觉模型：列出、导入、检查、测速、训练商品"
    )
    option(models, "action", choices=("list", "import", "check", "bench", "train-items"), en="what to do", words="操作")
    option(
        models,
        "path",
        nargs="?",
        en="import: the ONNX file; check, bench: a model's folder or name; train-items: a folder with one sub-folder of pictures a class",
        words="import：ONNX 文件；check、bench：模型目录或名称；train-items：每类一个子目录的图片目录",
    )
    option(
        models,
        "--data",
        metavar="FOLDER",
        en="a store's data folder; its models stand in FOLDER/models, its items in FOLDER/items",
        words="门店数据目录，模型位于其 models 子目录，商品位于 items 子目录",
    )
    option(
        models,
        "--classes",
        metavar="FILE|coco",
        en="import: the classes, one name a line or a JSON list",
        words="import：类别表，每行一个名称或 JSON 列表",
    )
    option(
        models,
        "--layout",
        default="auto",
        en="import: output layout (default auto: it is guessed)",
        words="import：输出布局（默认 auto，自动判断）",
    )
    option(models, "--name", en="import, train-items: its name (default: the file's)", words="import、train-items：名称（默认取文件名）")
    option(models, "--licence", default="not stated", en="import: under which licence the model stands", words="import：模型的许可证")
    option(
        models,
        "--size",
        metavar="WxH",
        en="import: the input's size where the network leaves it open",
        words="import：网络未固定输入尺寸时指定",
    )
    option(
        models,
        "--set",
        dest="changes",
        action="append",
        metavar="FIELD=VALUE",
        en="import: a field of the card, e.g. input.channels=BGR",
        words="import：卡片字段，如 input.channels=BGR",
    )
    option(
        models,
        "--threads",
        type=whole(1),
        default=1,
        en="bench, train-items: threads of one run (default 1)",
        words="bench、train-items：每次推理的线程数（默认 1）",
    )
    vision = command(
        "vision",
        "vision:vision",
        "cameras at work without a store: live, or over a night's recordings; here or on Ray",
        "脱离门店运行摄像机分析：实时，或处理整夜录像；本机或 Ray",
    )
    option(vision, "action", choices=("run", "batch"), en="what to do", words="操作")
    option(
        vision,
        "path",
        metavar="JOBS|FOLDER",
        en="run: file of camera jobs; batch: folder of recordings",
        words="run：任务文件；batch：录像目录",
    )
    option(vision, "--jobs", en="batch: file of camera jobs", words="batch：任务文件")
    option(vision, "--out", metavar="FOLDER", en="batch: where the readings go", words="batch：读数输出目录")
    option(
        vision,
        "--format",
        dest="form",
        choices=("jsonl", "parquet"),
        default="jsonl",
        en="batch: JSON lines or Parquet (default jsonl)",
        words="batch：JSON 行或 Parquet（默认 jsonl）",
    )
    option(
        vision,
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        en="on Ray: its own on this machine, or the cluster at ADDRESS",
        words="使用 Ray：本机自启，或 ADDRESS 处的集群",
    )
    option(
        vision,
        "--for",
        dest="seconds",
        metavar="SECONDS",
        type=positive,
        en="run: end after so many seconds",
        words="run：运行多少秒后结束",
    )
    command("version", "catalogue:version", "the version", "版本")
    for sub in commands.choices.values():
        option(sub, "--json", action="store_true", en="print JSON", words="输出 JSON")
        option(sub, "--lang", choices=("zh", "en"), en="language of the output", words="输出语言")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code. What a user could not foresee is a finding, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    lang = language(words)
    try:
        arguments = build_parser(lang).parse_args(words)
        arguments.lang = lang
        module, _, function = arguments.target.partition(":")
        import importlib

        code: int = getattr(importlib.import_module(f"storeloom.core.commands.{module}"), function)(arguments)
        return code
    except StoreloomError as fault:
        return complain(fault, lang, "--json" in words)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return complain(file_fault(error), lang, "--json" in words)
    except KeyboardInterrupt:
        return 130


REASONS_ZH = {
    errno.ENOENT: "路径不存在",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许该操作",
    errno.EEXIST: "同名文件已存在",
    errno.ENOTDIR: "上级路径不是目录",
    errno.EISDIR: "这是一个目录",
    errno.ENOSPC: "磁盘空间不足",
    errno.EROFS: "文件系统为只读",
}


def file_fault(error: OSError) -> DocumentFault:
    """The fault of a file or folder that cannot be used; an error that is about none is raised on."""
    if error.filename is None:
        raise error
    reason = error.strerror or str(error)
    args = {"file": str(error.filename), "reason": {"en": reason, "zh": REASONS_ZH.get(error.errno or 0, reason)}}
    return DocumentFault(Finding("SL-DOC-05", args, file=str(error.filename)))


def complain(fault: StoreloomError, lang: str, as_json: bool) -> int:
    """Print what went wrong; the exit code."""
    if as_json:
        import json

        print(json.dumps({"ok": False, "findings": [f.as_dict(lang) for f in fault.findings]}, ensure_ascii=False))
    else:
        print("\n".join(finding.render(lang) for finding in fault.findings), file=sys.stderr)
    return fault.exit_code


if __name__ == "__main__":
    sys.exit(main())
