"""`vision`: cameras at work without a store, live (`run`) or over a night's recordings (`batch`), here or on Ray."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.kernel.errors import Finding, InputFault, MisuseFault
from storeloom.core.kernel.events import plain, rfc3339
from storeloom.core.kernel.sources import open_document
from storeloom.workers.vision.pool.job import CameraJob, JobFault, Told, jobs

if TYPE_CHECKING:
    from storeloom.workers.vision.pool.hosted import HostedPool, News

TAKE_S = 0.5


def vision(arguments: argparse.Namespace) -> int:
    """Run the action; InputFault with all that is wrong with jobs and recordings, MisuseFault for arguments that make no sense."""
    try:
        return _run(arguments) if arguments.action == "run" else _batch(arguments)
    except JobFault as error:
        raise InputFault(error.findings) from error
    except ModuleNotFoundError as error:
        extra = {"ray": "ray", "polars": "data"}.get((error.name or "").split(".")[0], "vision")
        raise InputFault(Finding("SL-INP-03", {"what": f"vision {arguments.action}", "extra": extra})) from error


def _run(arguments: argparse.Namespace) -> int:
    """Print readings and what is told of cameras until all recordings have ended; 1 where a camera failed."""
    from storeloom.workers.vision.pool.hosted import PoolError
    from storeloom.workers.vision.pool.opening import open_pool

    wanted = _jobs(Path(arguments.path), recorded=False)
    ends_s = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    try:
        pool = open_pool(wanted, arguments.ray or "")
    except PoolError as error:
        raise _misuse(f"{error.what} {error.remedy}".rstrip("."), f"无法使用 Ray（{error.what.rstrip('.')}）") from error
    with pool:
        while not pool.done and time.monotonic() < ends_s:
            for news in pool.take(min(TAKE_S, max(0.0, ends_s - time.monotonic()))):
                _print(news, arguments)
            sys.stdout.flush()
        return _close(pool, arguments)


def _print(news: News, arguments: argparse.Namespace) -> None:
    """One line a reading or a change of a camera."""
    if isinstance(news, Told):
        if arguments.json:
            print_json({"time": rfc3339(news.time), "stream": "device.status", "data": news.as_status(arguments.lang)})
        else:
            print(f"{rfc3339(news.time)}  {news.camera}  {news.state}  {news.text[arguments.lang]}")
        return
    for one in news.readings:
        data = plain(one.data)
        if arguments.json:
            print_json({"time": rfc3339(one.time), "camera": news.camera, "seq": one.seq, "stream": one.stream, "data": data})
        else:
            print(f"{rfc3339(one.time)}  {news.camera}  {one.stream}  {json.dumps(data, ensure_ascii=False)}")


def _close(pool: HostedPool, arguments: argparse.Namespace) -> int:
    """What each camera came to; the exit code."""
    now = pool.now()
    rows = {camera: {"state": one.phase, "frames": one.counts.as_json(), "cost_ms": round(one.cost_ms, 2)} for camera, one in now.items()}
    failed = [camera for camera, one in now.items() if one.phase == "failed"]
    if arguments.json:
        print_json({"ok": not failed, "cameras": rows})
        return 1 if failed else 0
    for camera, one in now.items():
        c = one.counts
        if arguments.lang == "zh":
            print(f"{camera}：处理 {c.frames} 帧，略过 {c.skipped}，丢失 {c.lost}，出错 {c.failed}；每帧 {one.cost_ms:.1f} 毫秒")
        else:
            print(f"{camera}: {c.frames} frames, {c.skipped} skipped, {c.lost} lost, {c.failed} failed; {one.cost_ms:.1f} ms a frame")
    return 1 if failed else 0


def _batch(arguments: argparse.Namespace) -> int:
    """Work through a folder; 1 where anything is wrong with a file, but the others are done."""
    from storeloom.workers.vision.pool import batch
    from storeloom.workers.vision.pool.hosted import PoolError

    for name in ("jobs", "out"):
        if not getattr(arguments, name):
            raise _misuse(f"batch needs --{name}", f"batch 需要 --{name}")
    batch.writer(arguments.form)
    made = batch.plan(Path(arguments.path), _jobs(Path(arguments.jobs), recorded=True), Path(arguments.out), arguments.form)
    findings = list(made.findings)
    rows: list[dict[str, Any]] = []
    try:
        outcomes = batch.work_on_ray(made, address=arguments.ray) if arguments.ray else batch.work(made)
        for one in outcomes:
            findings += one.findings
            rows.append({"camera": one.camera, "file": one.file, "readings": one.readings, "frames": one.frames, "resumed": one.resumed})
            if not arguments.json:
                print(_told(rows[-1], arguments.lang))
    except PoolError as error:
        raise _misuse(f"{error.what} {error.remedy}".rstrip("."), f"无法使用 Ray（{error.what.rstrip('.')}）") from error
    if arguments.json:
        print_json({"ok": not findings, "files": rows, "findings": [finding.as_dict(arguments.lang) for finding in findings]})
    else:
        print_findings(findings, arguments.lang)
    return 1 if findings else 0


def _told(row: dict[str, Any], lang: str) -> str:
    if lang == "zh":
        return f"{row['file']}：{row['frames']} 帧，{row['readings']} 条读数{'（此前已完成）' if row['resumed'] else ''}"
    return f"{row['file']}: {row['frames']} frames, {row['readings']} readings{' (done before)' if row['resumed'] else ''}"


def _jobs(path: Path, *, recorded: bool) -> list[CameraJob]:
    """The jobs in a file; a recording's address and a model's folder are relative to it."""
    document = open_document(path)

    def place(*keys: str | int) -> tuple[str | None, int | None]:
        return document.path, document.line_of(*keys)

    for one in document.data.get("cameras", []) if isinstance(document.data.get("cameras"), list) else []:
        written, model = (one.get("address"), one.get("model")) if isinstance(one, dict) else (None, None)
        if isinstance(written, str) and (path.parent / written).is_file():
            one["address"] = str(path.parent / written)
        if isinstance(model, str) and (path.parent / model / "card.json").is_file():
            one["model"] = str(path.parent / model)
    return jobs(document.data, place=place, recorded=recorded)


def _misuse(en: str, zh: str) -> MisuseFault:
    return MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom vision"}))
