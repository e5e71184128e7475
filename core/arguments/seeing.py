"""Commands over cameras and models."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands, positive, whole


def add(commands: Commands) -> None:
    """Declare them."""
    _models(commands)
    _vision(commands)


def _models(commands: Commands) -> None:
    command, option = commands.command, commands.option
    models = command(
        "models", "models:models", "vision models: list, import, check, measure, teach items", "视觉模型：列出、导入、检查、测速、训练商品"
    )
    known = {
        "list": ("what is there", "列出现有模型"),
        "import": ("take in an ONNX file", "导入 ONNX 文件"),
        "check": ("does a model do what its card says", "核对模型与其卡片是否一致"),
        "bench": ("how fast it runs here", "测量本机速度"),
        "train-items": ("teach the items in a folder of pictures", "用图片目录训练商品识别"),
    }
    commands.actions(models, known)
    option(
        models,
        "path",
        nargs="?",
        metavar="PATH",
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


def _vision(commands: Commands) -> None:
    command, option = commands.command, commands.option
    vision = command(
        "vision",
        "vision:vision",
        "cameras at work without a store: live, or over a night's recordings; here or on Ray",
        "脱离门店运行摄像机分析：实时，或处理整夜录像；本机或 Ray",
    )
    known = {"run": ("cameras live, until told to stop", "实时分析摄像机"), "batch": ("recordings, as fast as they go", "尽快处理录像")}
    commands.actions(vision, known)
    option(
        vision,
        "path",
        metavar="JOBS|FOLDER",
        en="run: file of camera jobs; batch: folder of recordings",
        words="run：任务文件；batch：录像目录",
    )
    option(vision, "--jobs", metavar="FILE", en="batch: file of camera jobs", words="batch：任务文件")
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
