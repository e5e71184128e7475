"""`models train-items`: a shop's catalogue of items from a folder of pictures, with the mistakes it is likely to make."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, InputFault, MisuseFault

if TYPE_CHECKING:
    from storeloom.workers.vision.items.training import Report

MOST_LEFT_OUT = 5


def train_items(arguments: argparse.Namespace) -> int:
    """Write DATA/items/NAME; InputFault with all that is wrong with the pictures."""
    if not arguments.path or not arguments.data:
        en, zh = "train-items needs FOLDER and --data DATA", "train-items 需要图片目录与 --data 门店数据目录"
        raise MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom models"}))
    try:
        from storeloom.workers.vision.items.embedding import Embedding
        from storeloom.workers.vision.items.faults import ItemFault
        from storeloom.workers.vision.items.training import train
        from storeloom.workers.vision.models.faults import ModelFault
    except ModuleNotFoundError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "models train-items", "extra": "vision"})) from error
    folder = Path(arguments.path)
    name = arguments.name or folder.resolve().name
    if not name or name.startswith(".") or Path(name).name != name or "\\" in name:
        en = f"--name must be the name of a folder, such as produce, got {name}"
        zh = f"--name 应为目录名，如 produce，当前为 {name}"
        raise MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom models"}))
    target = Path(arguments.data) / "items" / name
    quiet = arguments.json or not sys.stderr.isatty()
    try:
        catalogue, report = train(folder, Embedding(threads=arguments.threads), _progress(arguments.lang, quiet))
        before = _set_aside(target, report.gtins)
        catalogue.save(target)
    except (ItemFault, ModelFault) as fault:
        raise InputFault(fault.findings) from fault
    if arguments.json:
        print_json({"ok": True, "catalogue": str(target), "before": None if before is None else str(before), **report.as_json()})
    else:
        print("\n".join(_told(report, target, arguments.lang)))
        if before is not None:
            said = (
                "此前的识别库（含收银员的纠正或其他商品）已留存于"
                if arguments.lang == "zh"
                else "The one before, with corrections or other items"
            )
            print(f"{said}：{before}" if arguments.lang == "zh" else f"{said}: {before}")
    return 0


def _set_aside(target: Path, gtins: Collection[str]) -> Path | None:
    """A copy beside a catalogue that gives way, where it holds what the new one does not: corrections, or other items."""
    path = target / "catalogue.json"
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["items"]
        more = any(row["corrected"] or row["pending"] or row["gtin"] not in gtins for row in rows)
    except (ValueError, KeyError, TypeError):
        more = True
    if not more:
        return None
    number = 1
    while (aside := target.with_name(f".{target.name}.before-{number}")).exists():
        number += 1
    shutil.copytree(target, aside)
    return aside


def _progress(lang: str, quiet: bool) -> Callable[[int, int], None]:
    word, left = ("已读取图片", "剩余") if lang == "zh" else ("pictures read", "left")
    start = time.monotonic()

    def show(number: int, total: int) -> None:
        if not quiet:
            seconds = (time.monotonic() - start) / number * (total - number)
            text = f"\r{word} {number}/{total}, {left} {seconds:.0f} s "
            print(text, end="\n" if number == total else "", file=sys.stderr, flush=True)

    return show


def _told(report: Report, target: Path, lang: str) -> list[str]:
    """The report as a person reads it: the shares, each class by what its pictures were taken for, the commonest confusions."""
    zh = lang == "zh"
    figures = {
        "count": sum(report.pictures),
        "items": len(report.gtins),
        "top1": f"{report.top1:.1%}",
        "top3": f"{report.top3:.1%}",
        "accepted": f"{report.accepted:.1%}",
        "right": f"{report.accepted_right:.1%}",
        "false": f"{report.strangers:.1%}",
    }
    lines = [line.format(**figures) for line in (TEXTS_ZH if zh else TEXTS_EN)]
    if report.other_top1 is not None:
        lines.append((OTHER_ZH if zh else OTHER_EN).format(top1=f"{report.other_top1:.1%}", top3=f"{report.other_top3:.1%}"))
    if not report.calibration.pictures:
        lines.append("类别或图片太少，无法校准：采用默认阈值。" if zh else "Too few classes or pictures to calibrate: default threshold.")
    lines += ["", "商品：被认成（张数）" if zh else "Item: taken for (pictures)", *_rows(report), ""]
    confusions = report.confusions()
    if confusions:
        lines.append("最常见的混淆：" if zh else "Commonest confusions:")
        lines += [f"  {one.gtin} -> {one.taken_for}: {one.count}" for one in confusions]
    if report.left_out:
        named = ", ".join(report.left_out[:MOST_LEFT_OUT]) + (" ..." if len(report.left_out) > MOST_LEFT_OUT else "")
        lines.append(
            f"未使用的非图片文件：{len(report.left_out)} 个（{named}）"
            if zh
            else f"Files that are no pictures, not used: {len(report.left_out)} ({named})"
        )
    return [*lines, f"目录：{target}" if zh else f"Catalogue: {target}"]


def _rows(report: Report) -> list[str]:
    rows = []
    for gtin, count, row in zip(report.gtins, report.pictures, report.matrix, strict=True):
        taken = sorted(((int(n), report.gtins[k]) for k, n in enumerate(row) if n), key=lambda pair: (-pair[0], pair[1]))
        rows.append(f"  {gtin} ({count}): " + ", ".join(f"{name} {n}" for n, name in taken))
    return rows


TEXTS_EN = (
    "{count} pictures of {items} items. Cross-validated on pictures like these: right {top1}, among three {top3};",
    "accepted {accepted}, of these right {right}; accepted though not enrolled {false}.",
)
OTHER_EN = (
    "On held-out pictures that look unlike the rest of their item: right {top1}, among three {top3}. A shop sees something in between."
)
TEXTS_ZH = (
    "{items} 种商品，{count} 张图片。对同类图片交叉验证：首选正确 {top1}，前三含正确 {top3}；",
    "接受 {accepted}，其中正确 {right}；未登记商品被误接受 {false}。",
)
OTHER_ZH = "留出与同类差异最大的图片验证：首选正确 {top1}，前三含正确 {top3}。门店实际表现介于两者之间。"
