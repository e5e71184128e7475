"""`models`: the vision models that ship and those of a store; an integrator's own ONNX file as one of them; checks and speed."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.kernel.errors import Finding, InputFault, MisuseFault
from storeloom.core.kernel.registry import BUILT_IN as KERNEL_PACKAGE
from storeloom.core.kernel.registry import packages
from storeloom.workers.vision.models import BUILT_IN, DEFAULT_DETECTOR, Model, ModelCard, read_card, read_model
from storeloom.workers.vision.models.faults import ModelFault, fault

if TYPE_CHECKING:
    from storeloom.workers.vision.models.importing import Imported

BENCH_RUNS = 40


def models(arguments: argparse.Namespace) -> int:
    """Run the action; InputFault with all that is wrong with a model or a file, MisuseFault for arguments that make no sense."""
    if arguments.action == "train-items":
        from storeloom.core.commands.train_items import train_items

        return train_items(arguments)
    actions: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "import": _import, "check": _check, "bench": _bench}
    try:
        return actions[arguments.action](arguments)
    except ModelFault as error:
        raise InputFault(error.findings) from error
    except ModuleNotFoundError as error:
        raise InputFault(Finding("SL-INP-03", {"what": f"models {arguments.action}", "extra": "vision"})) from error


def _roots(arguments: argparse.Namespace) -> list[Path]:
    """The folders of models: those that ship, those of vendors' packages, and a store's own."""
    vendors = [package.models for package in packages() if package.name != KERNEL_PACKAGE and package.models.is_dir()]
    return [BUILT_IN, *vendors, *([Path(arguments.data) / "models"] if arguments.data else [])]


def _list(arguments: argparse.Namespace) -> int:
    """Every model with what its card says; a faulty card is a finding and hides no other."""
    cards: list[ModelCard] = []
    findings: list[Finding] = []
    for path in (path for root in _roots(arguments) for path in sorted(root.glob("*/card.json"))):
        try:
            cards.append(read_card(path.parent))
        except ModelFault as error:
            findings += error.findings
    rows = [
        {
            "name": card.name,
            "task": card.task,
            "layout": card.output["layout"],
            "input": f"{card.input.width}x{card.input.height}",
            "classes": len(card.classes),
            "licence": card.licence,
            "speed": dict(card.speed),
            "folder": str(card.folder),
            "default": card.name == DEFAULT_DETECTOR,
        }
        for card in cards
    ]
    if arguments.json:
        print_json({"ok": not findings, "models": rows, "findings": [finding.as_dict(arguments.lang) for finding in findings]})
    else:
        zh = arguments.lang == "zh"
        for row in rows:
            speed = f"{row['speed']['run_ms']:g} ms" if "run_ms" in row["speed"] else "-"
            facts = f"{row['task']:12} {row['layout']:13} {row['input']:>9}  {row['classes']:>5} {'类' if zh else 'classes'}  {speed:>9}"
            mark = (" （默认）" if zh else " (default)") if row["default"] else ""
            print(f"{row['name']:16} {facts}  {row['licence']}{mark}")
        print_findings(findings, arguments.lang)
    return 1 if findings else 0


def _import(arguments: argparse.Namespace) -> int:
    from storeloom.workers.vision.layouts.guess import LOOKS
    from storeloom.workers.vision.models import importing

    file = Path(_needed(arguments, arguments.path, "FILE.onnx"))
    if arguments.layout not in ("auto", *LOOKS):
        known = ", ".join(("auto", *LOOKS))
        raise _misuse(f"--layout must be one of: {known}", f"--layout 可选：{known}")
    classes = arguments.classes
    request = importing.Request(
        file,
        arguments.name or re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("_.-") or "model",
        classes if classes in (None, "coco") else importing.read_classes(Path(classes)),
        arguments.layout,
        arguments.licence,
        _size(arguments.size),
        dict(_change(text) for text in arguments.changes or ()),
    )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", request.name):
        raise _misuse("--name must be of letters, digits, '_', '.' and '-'", "--name 只能含字母、数字、“_”“.”与“-”")
    if (BUILT_IN / request.name / "card.json").is_file():
        raise _misuse(f"--name must not be that of a model that ships: {request.name}", f"--name 不能与内置模型同名：{request.name}")
    folder = Path(_needed(arguments, arguments.data, "--data FOLDER")) / "models" / request.name
    done = importing.import_model(request, folder)
    if arguments.json:
        findings = [finding.as_dict(arguments.lang) for finding in done.findings]
        speed = done.speed.as_json()
        print_json({"ok": True, "folder": str(folder), "guessed": dict(done.guessed), "speed": speed, "findings": findings})
    else:
        print("\n".join(_told(done, folder, arguments.lang)))
        print_findings(list(done.findings), arguments.lang)
    return 0


def _told(done: Imported, folder: Path, lang: str) -> list[str]:
    guesses = [f"  {path} = {json.dumps(value, ensure_ascii=False)}" for path, value in sorted(done.guessed.items())]
    speed, count = done.speed.run_ms, len(done.card.classes)
    if lang == "zh":
        head = f"{folder}：{done.card.task}，{count} 个类别，每次推理 {speed:.1f} 毫秒（单线程）"
        tail = [f"在门店启用：storeloom apply {folder} --model --data DATA"] if done.card.task == "detect" else []
        return [head, "自动判断的字段（可用 --set FIELD=VALUE 更改后重新导入）：", *guesses, *tail]
    head = f"{folder}: {done.card.task}, {count} classes, {speed:.1f} ms a run on one thread"
    tail = [f"To use it in a store: storeloom apply {folder} --model --data DATA"] if done.card.task == "detect" else []
    return [head, "Guessed (import again with --set FIELD=VALUE to change any):", *guesses, *tail]


def _check(arguments: argparse.Namespace) -> int:
    """Hash, card, tensors, a run on test pictures; 1 where anything is found, a doubt included."""
    from storeloom.workers.vision.models.trial import check_model

    model = _chosen(arguments)
    findings = check_model(model)
    if arguments.json:
        shown = [finding.as_dict(arguments.lang) for finding in findings]
        print_json({"ok": not findings, "folder": str(model.card.folder), "findings": shown})
    elif not findings:
        print(f"{model.card.folder}：完好" if arguments.lang == "zh" else f"{model.card.folder}: sound")
    else:
        print_findings(findings, arguments.lang)
    return 1 if findings else 0


def _bench(arguments: argparse.Namespace) -> int:
    """Milliseconds of a bare run and of a whole 1280 x 720 frame, measured in turn; of one model, or of the detectors."""
    from storeloom.workers.vision.models.trial import measure

    if arguments.path:
        chosen = [_chosen(arguments)]
    else:
        folders = (path.parent for root in _roots(arguments) for path in sorted(root.glob("*/card.json")))
        chosen = [read_model(folder) for folder in folders if read_card(folder).task == "detect"]
    rows = {model.card.name: measure(model, runs=BENCH_RUNS, threads=arguments.threads) for model in chosen}
    if arguments.json:
        print_json({"ok": True, "models": {name: speed.as_json() for name, speed in rows.items()}})
        return 0
    for name, speed in rows.items():
        whole = "-" if speed.frame_ms is None else f"{speed.frame_ms:.1f} ms"
        words = ("推理", "整帧", "线程") if arguments.lang == "zh" else ("run", "whole frame", "threads")
        print(f"{name:16} {words[0]} {speed.run_ms:.1f} ms, {words[1]} {whole}, {words[2]} {speed.threads}")
    return 0


def _chosen(arguments: argparse.Namespace) -> Model:
    """The model that the command names by its folder, or by its name among those that ship or a store's."""
    text = _needed(arguments, arguments.path, "FOLDER")
    places = [Path(text), *(root / text for root in _roots(arguments))]
    folder = next((place for place in places if (place / "card.json").is_file()), None)
    if folder is None:
        known = sorted({path.parent.name for root in _roots(arguments) for path in root.glob("*/card.json")})
        raise fault("SL-MOD-01", Path(text), {"name": text, "known": known})
    return read_model(folder)


def _needed(arguments: argparse.Namespace, value: str | None, what: str) -> str:
    if not value:
        raise _misuse(f"{arguments.action} needs {what}", f"{arguments.action} 需要 {what}")
    return value


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    if match is None:
        raise _misuse(f"--size must be WIDTHxHEIGHT, got {text}", f"--size 应为 宽x高，当前为 {text}")
    return int(match[1]), int(match[2])


def _change(text: str) -> tuple[str, Any]:
    """A card's field and its value, as JSON where it is such, else as text."""
    path, sign, value = text.partition("=")
    if not sign or not re.fullmatch(r"(input|output)\.[a-z_]+", path):
        raise _misuse(
            f"--set must be input.FIELD=VALUE or output.FIELD=VALUE, got {text}",
            f"--set 应为 input.字段=值 或 output.字段=值，当前为 {text}",
        )
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def _misuse(en: str, zh: str) -> MisuseFault:
    return MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom models"}))
