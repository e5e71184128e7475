"""Commands over the catalogue, bundles and trials."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands, positive, whole

PILLARS = ("people", "personnel", "process", "product", "premise")
FORMATS = ("supermarket", "mall", "convenience", "specialty")


def add(commands: Commands) -> None:
    """Declare them."""
    _catalogue(commands)
    _show(commands)
    _docs(commands)
    _goals(commands)
    _checking(commands)
    _explain(commands)
    _pack(commands)
    _trial(commands)
    _episode(commands)
    _index(commands)
    _bench(commands)


def _catalogue(commands: Commands) -> None:
    command, option = commands.command, commands.option
    cat = command("catalogue", "catalogue:catalogue", "list the solutions, or the adapters, that are installed", "列出已安装的方案或适配器")
    option(cat, "--pillar", choices=PILLARS, en="only this pillar", words="只列该支柱")
    option(cat, "--scenario", en="only this scenario", words="只列该场景")
    option(cat, "--format", choices=FORMATS, en="only for this kind of store", words="只列适用该业态的方案")
    option(cat, "--search", en="words in id, titles or purpose, zh or en", words="按编号、名称或用途搜索（中英文）")
    option(cat, "--adapters", action="store_true", en="the drivers of devices, not the solutions", words="列出设备驱动而非方案")


def _show(commands: Commands) -> None:
    command, option = commands.command, commands.option
    show = command("show", "catalogue:show", "all about one solution or adapter", "查看一个方案或适配器的全部信息")
    option(show, "id", metavar="ID", en="its id, such as smart_cart or sics_scale", words="编号，如 smart_cart 或 sics_scale")


def _docs(commands: Commands) -> None:
    command, option = commands.command, commands.option
    docs = command("docs", "docs:docs", "write the documentation, zh and en, from what is installed", "按已安装内容生成中英文文档")
    option(docs, "folder", metavar="FOLDER", en="where to write", words="写入目录")
    option(docs, "ids", nargs="*", metavar="ID", en="only these solutions and adapters", words="只生成这些方案与适配器")


def _goals(commands: Commands) -> None:
    command, option = commands.command, commands.option
    goals = command("goals", "goals:goals", "solutions for what a store wants, and a bundle of them", "按经营目标推荐方案并生成方案包")
    option(goals, "names", nargs="*", metavar="GOAL", en="what is wanted (none: list the goals)", words="目标（省略则列出全部目标）")
    option(goals, "--store", metavar="FILE", en="the store's profile: tells which devices it lacks", words="门店档案，据此指出缺少的设备")
    option(goals, "--format", choices=FORMATS, default="supermarket", en="without a profile: the kind of store", words="无档案时的业态")
    option(goals, "--file", metavar="FILE", en="goals of your own (goals/1)", words="自定义目标文件（goals/1）")
    option(goals, "-o", "--output", metavar="FILE", en="write a bundle of what is recommended", words="将推荐结果写成方案包")


def _checking(commands: Commands) -> None:
    command, option = commands.command, commands.option
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
        option(sub, "file", metavar="FILE", en="TOML, YAML or JSON file", words="TOML、YAML 或 JSON 文件")


def _explain(commands: Commands) -> None:
    command, option = commands.command, commands.option
    explain = command("explain", "bundles:explain", "where each value of a bundle comes from", "说明方案包中每个取值的来源")
    option(explain, "file", metavar="BUNDLE", en="the bundle", words="方案包文件")
    option(
        explain,
        "path",
        nargs="?",
        default="",
        metavar="PLACE",
        en="only this place, e.g. solutions.smart_cart.config",
        words="只看该位置，如 solutions.smart_cart.config",
    )


def _pack(commands: Commands) -> None:
    command, option = commands.command, commands.option
    pack = command("pack", "bundles:pack", "pack a bundle: resolved, locked, reproducible", "打包：解析、锁定、可复现")
    option(pack, "file", metavar="BUNDLE", en="the bundle", words="方案包文件")
    option(
        pack,
        "-o",
        "--output",
        metavar="FILE",
        en="where to (default: NAME.bundle.json beside it)",
        words="输出文件（默认在其旁 NAME.bundle.json）",
    )


def _trial(commands: Commands) -> None:
    command, option = commands.command, commands.option
    trial = command(
        "try", "trial:trial", "try a bundle on a virtual store, or on real receipts and footage", "在虚拟门店或真实数据上试跑方案包"
    )
    option(
        trial, "file", nargs="?", metavar="BUNDLE", en="the bundle (default: the supermarket example)", words="方案包文件（默认：超市示例）"
    )
    option(
        trial,
        "--solution",
        metavar="ID",
        en="try one solution alone, with its defaults or a sample of its own",
        words="以默认或其自带的示例配置单独试跑一个方案",
    )
    option(trial, "--days", type=whole(1), default=1, en="virtual days (default 1)", words="虚拟天数（默认 1）")
    option(trial, "--start", metavar="DATE", en="first day, such as 2026-03-02", words="首日，如 2026-03-02")
    option(trial, "--seed", type=int, default=1, en="seed of the virtual store (default 1)", words="虚拟门店种子（默认 1）")
    option(
        trial,
        "--history",
        type=whole(0),
        default=0,
        en="days of records before the first (default 0)",
        words="首日之前的历史天数（默认 0）",
    )
    option(
        trial,
        "--scale",
        type=positive,
        default=1.0,
        en="shoppers, as a multiple of the format's usual number (default 1)",
        words="客流倍数，相对该业态常态（默认 1）",
    )
    option(
        trial,
        "--pos",
        metavar="FOLDER",
        en="folder of real receipts (Complete Journey's Parquet, or CSV)",
        words="真实小票目录（Complete Journey 的 Parquet 或 CSV）",
    )
    option(trial, "--video", metavar="[CAMERA=]FILE", en="a camera's recording", words="摄像头录像")
    option(trial, "--report", metavar="FILE", en="write an HTML report with plots", words="写出带图表的 HTML 报告")


def _episode(commands: Commands) -> None:
    command, option = commands.command, commands.option
    episode = command("episode", "episodes:run", "run episodes: behaviour written as data", "运行样例文件（以数据描述的行为）")
    commands.actions(episode, {"run": ("give each its events and compare what comes out", "输入事件并核对输出")})
    option(episode, "paths", nargs="+", metavar="PATH", en="files or folders", words="文件或目录")


def _index(commands: Commands) -> None:
    command, option = commands.command, commands.option
    index = command("index", "catalogue:index", "write schemas and the static catalogue from the plugins", "由插件生成 schemas 与静态目录")
    option(index, "--check", action="store_true", en="write nothing, say what is stale", words="只检查，不写入")
    option(index, "--package", metavar="FOLDER", en="a vendor's package (its folder)", words="供应商包目录")


def _bench(commands: Commands) -> None:
    command, option = commands.command, commands.option
    bench = command("bench", "bench:bench", "measure against stated limits, as ratios", "按既定目标测量性能（比值）")
    option(
        bench,
        "area",
        nargs="?",
        metavar="AREA",
        default="all",
        en="adapters, catalogue, compose, engines, fleet, forecast, insight, items, log, optimise_routes, optimise_stock, runtime, soak, "
        "solutions, studio, swap, tracking, vision, vision_models, vision_rules, or all",
        words="测量项：adapters、catalogue、compose、engines、fleet、forecast、insight、items、log、optimise_routes、optimise_stock、runtime、soak、solutions、"
        "studio、swap、tracking、vision、vision_models、vision_rules、all",
    )
    option(
        bench,
        "--data",
        metavar="FOLDER",
        en="forecast, insight, optimise_stock: the Complete Journey data set; items: the Grocery Store data set",
        words="forecast、insight、optimise_stock：Complete Journey 数据集目录；items：Grocery Store 数据集目录",
    )
    option(
        bench,
        "--database",
        metavar="URL",
        en="fleet: an empty PostgreSQL database to measure on (default DATABASE_URL, else SQLite)",
        words="fleet：用于测量的空 PostgreSQL 数据库（默认 DATABASE_URL，否则 SQLite）",
    )
    option(bench, "--split", metavar="NAME", en="items: recognise what NAME.txt lists (default val)", words="items：识别 NAME.txt 所列图片")
    option(
        bench,
        "--quick",
        action="store_true",
        en="engines: each figure on little, in under a minute",
        words="engines：小规模快速测量，一分钟内",
    )
