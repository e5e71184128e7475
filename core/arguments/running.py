"""Commands over a running store, its log and its commands to devices."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands, positive, whole


def add(commands: Commands) -> None:
    """Declare them."""
    _run(commands)
    _apply(commands)
    _top(commands)
    _health(commands)
    _trace(commands)
    _log(commands)
    _dead(commands)


def _run(commands: Commands) -> None:
    command, option = commands.command, commands.option
    run = command("run", "store:run", "run a packed bundle in a store", "在门店运行已打包的方案包")
    option(run, "file", metavar="BUNDLE", en="the packed bundle, or a release's folder", words="已打包的方案包，或发布目录")
    option(run, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")
    option(run, "--pos", metavar="FOLDER", en="take receipts from this folder", words="从该目录读取小票")
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


def _apply(commands: Commands) -> None:
    command, option = commands.command, commands.option
    apply = command("apply", "apply:apply", "change the bundle or the model of a running store", "为运行中的门店更换方案包或模型")
    option(
        apply,
        "file",
        metavar="BUNDLE|MODEL",
        en="the packed bundle, or with --model a model's folder or name",
        words="方案包文件；带 --model 时为模型目录或名称",
    )
    option(apply, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")
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
        apply,
        "--wait",
        type=positive,
        metavar="SECONDS",
        default=30.0,
        en="seconds to wait for the answer (default 30)",
        words="等待答复的秒数（默认 30）",
    )


def _top(commands: Commands) -> None:
    command, option = commands.command, commands.option
    top = command("top", "top:top", "a running store at a glance: solutions, queues, troubles", "查看运行中的门店：方案、队列与异常")
    option(top, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")
    option(top, "--once", action="store_true", en="show it once", words="只显示一次")
    option(
        top,
        "--every",
        type=positive,
        metavar="SECONDS",
        default=2.0,
        en="seconds between two looks (default 2)",
        words="刷新间隔秒数（默认 2）",
    )


def _health(commands: Commands) -> None:
    command, option = commands.command, commands.option
    health = command("health", "health:health", "whether a running store can sell", "运行中的门店能否正常营业")
    option(health, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")


def _trace(commands: Commands) -> None:
    command, option = commands.command, commands.option
    trace = command("trace", "trace:trace", "one event's causes and all that followed it", "追溯一个事件的起因与后续")
    option(trace, "event", metavar="EVENT_ID|SEQ", en="the event's id, or its number in the log", words="事件 id 或日志序号")
    option(trace, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")


def _log(commands: Commands) -> None:
    command, option = commands.command, commands.option
    log = command(
        "log", "log:log", "check, compact or copy a store's log, also while the store runs", "检查、压缩或备份门店日志，门店运行时亦可"
    )
    known = {
        "verify": ("read it whole and tell what is wrong", "通读并报告问题"),
        "compact": ("drop what is older than it need keep", "清除超过保留期的记录"),
        "snapshot": ("copy it to --output", "备份到 --output"),
    }
    commands.actions(log, known)
    option(log, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")
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


def _dead(commands: Commands) -> None:
    command, option = commands.command, commands.option
    dead = command("dead", "dead:dead", "commands that were given up: list them, send them again", "已放弃的指令：查看或重发")
    known = {
        "list": ("show them, with why", "列出及其原因"),
        "resend": ("send those named, or --all, again", "重发指定或全部（--all）指令"),
    }
    commands.actions(dead, known)
    option(dead, "ids", nargs="*", metavar="ID", en="resend: which commands", words="resend：指令 id")
    option(dead, "--all", action="store_true", en="resend: all of them", words="resend：全部重发")
    option(dead, "--data", required=True, metavar="FOLDER", en="the store's data folder", words="门店数据目录")
