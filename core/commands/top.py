"""`top`: the running store's instances, queues and troubles at a glance, again and again."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.errors import PresenceFault
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.runtime.health import DEVICE_STATES
from storeloom.core.runtime.presence import fetch_status
from storeloom.core.runtime.status import DeviceStatus, InstanceStatus, StoreStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

WIDTH = 100
ORDER = {"resting": 0, "behind": 1, "level": 2}
HEALTH = {"resting": ("resting", "暂停", "red"), "behind": ("behind", "落后", "yellow"), "level": ("level", "同步", "green")}
COLUMNS = (
    ("solution", "方案", 28),
    ("state", "状态", 7),
    ("ev/s", "条/秒", 7),
    ("lag", "落后", 8),
    ("out", "输出", 8),
    ("failed", "出错", 6),
    ("mean ms", "均值ms", 7),
    ("max ms", "最长ms", 7),
    ("MB", "内存MB", 6),
    ("runs in", "隔离", 7),
)
COMMANDS = {
    "waiting": "待发送",
    "answered": "已应答",
    "sent": "已送达",
    "dead": "已放弃",
    "unrouted": "无设备",
    "expired": "已过期",
    "superseded": "已被取代",
    "overruled": "已让位",
}
UPLINK = {"waiting": "待上传", "sent": "已上传", "lost": "丢失", "failures": "连续失败"}
DEVICES = 8
FIGURES = {
    "fps": "帧率",
    "dropped": "丢弃",
    "bad": "坏帧",
    "reconnects": "重连",
    "decode_ms": "解码ms",
    "hardware": "硬解",
    "size": "尺寸",
}
# below this value: divided by, unit, digits
SIZES = ((9.995, 1.0, "", 2), (99.95, 1.0, "", 1), (99_999.5, 1.0, "", 0), (999_500.0, 1e3, "k", 0), (999.95e6, 1e6, "M", 1))
Rates = Mapping[str, float]


def top(arguments: argparse.Namespace) -> int:
    """Show the store until interrupted; `--once` shows it once, with rates over one interval."""
    samples = sample(Path(arguments.data), arguments.every, arguments.once)
    if arguments.json:
        for status, rates in samples:
            print(json.dumps({"status": asdict(status), "rates": rates}, ensure_ascii=False), flush=True)
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    if arguments.once:
        for status, rates in samples:
            console.print(view(status, rates, arguments.lang))
        return 0
    return live(console, samples, arguments)


def live(console: Console, samples: Iterator[tuple[StoreStatus, Rates]], arguments: argparse.Namespace) -> int:
    """Redraw with every sample. A store that stops answering (it is being restarted) is waited for, and told of."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    shown: RenderableType = Text()
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as screen:
        while True:
            try:
                for status, rates in samples:
                    shown = view(status, rates, arguments.lang, console.height)
                    screen.update(shown, refresh=True)
            except PresenceFault as fault:
                if isinstance(shown, Text):
                    raise
                words = "\n".join(finding.text(arguments.lang) for finding in fault.findings)
                screen.update(Group(Text(words, style="red"), shown), refresh=True)
                time.sleep(arguments.every)
                samples = sample(Path(arguments.data), arguments.every, False)


def sample(folder: Path, every_s: float, once: bool) -> Iterator[tuple[StoreStatus, Rates]]:
    """The status every so often, each with the rates since the one before; `once` ends after the first. PresenceFault: no store answers."""
    before = fetch_status(folder)
    while True:
        time.sleep(every_s)
        status = fetch_status(folder)
        yield status, rates_between(before, status)
        if once:
            return
        before = status


def rates_between(before: StoreStatus, after: StoreStatus) -> dict[str, float]:
    """Events a second of each instance between two samples, in the store's time; none for one that began anew or where no time passed."""
    seconds = (parse_time(after.now) - parse_time(before.now)).total_seconds()
    if seconds <= 0 or before.pid != after.pid:
        return {}
    handled = {one.name: one.handled for one in before.instances}
    return {
        one.name: round((one.handled - handled[one.name]) / seconds, 3)
        for one in after.instances
        if one.name in handled and one.handled >= handled[one.name]
    }


def view(status: StoreStatus, rates: Rates, lang: str, height: int | None = None) -> RenderableType:
    """The whole screen; where `height` lines do not hold all instances, those at the end of the list are counted."""
    from rich.console import Group
    from rich.text import Text

    zh = lang == "zh"
    head = [Text(clean(line), no_wrap=True, overflow="ellipsis") for line in header(status, rates, zh)]
    notes = [Text(clean(line), style="yellow") for line in reasons(status, zh)]
    ranked = sorted(status.instances, key=lambda one: (ORDER[one.health], -rates.get(one.name, 0.0), one.name))
    room = len(ranked) if height is None else max(3, height - len(head) - 2 * len(notes) - 3)
    rows: list[RenderableType] = [*head, Text(), table(ranked[:room], rates, zh)]
    if ranked[room:]:
        count = len(ranked) - room
        rows.append(Text(f"……另有 {count} 个方案" if zh else f"... and {count} more", style="dim"))
    return Group(*rows, *notes)


def header(status: StoreStatus, rates: Rates, zh: bool) -> Iterator[str]:
    """The lines above the table: the store, its log, its way out, its ways in."""
    up = parse_time(status.now) - parse_time(status.since)
    now = rfc3339(parse_time(status.now).replace(microsecond=0))
    rate = sum(rates.values())
    kept, size = f"{status.last:,}", f"{status.log_bytes / 1e6:,.1f} MB"
    if zh:
        yield f"门店 {status.store}  方案包 {status.bundle}  进程 {status.pid}  已运行 {span(up, zh)}"
        yield f"重启 {status.restarts} 次  内存 {status.memory_mb:,.0f} MB  处理 {rate:,.1f} 条/秒  门店时间 {now}"
        yield f"日志 {kept} 条（自 #{status.oldest:,} 起保留），{size}  收件箱 {status.inbox:,}"
    else:
        yield f"store {status.store}  bundle {status.bundle}  process {status.pid}  up {span(up, zh)}"
        yield f"restarts {status.restarts}  memory {status.memory_mb:,.0f} MB  handles {rate:,.1f} ev/s  store time {now}"
        yield f"log {kept} records (kept from #{status.oldest:,}), {size}  inbox {status.inbox:,}"
    outbox = "  ".join(f"{COMMANDS.get(name, name) if zh else name} {count:,}" for name, count in sorted(status.outbox.items()) if count)
    uplink = "  ".join(f"{UPLINK.get(name, name) if zh else name} {count:,}" for name, count in sorted(status.uplink.items()))
    none = "无" if zh else "none"
    yield f"{'发件箱' if zh else 'outbox'}  {outbox or none}    {'上传' if zh else 'uplink'}  {uplink or none}"
    yield from queue_lines(status, zh)
    yield from device_lines(status, zh)
    for one in status.instances:
        if one.frames_missed:
            yield f"{one.name} 错过 {one.frames_missed:,} 帧画面" if zh else f"{one.name} missed {one.frames_missed:,} frames"


def device_lines(status: StoreStatus, zh: bool) -> Iterator[str]:
    """The devices that tell how they are, those that are not well first; of many, the rest is counted."""
    ranked = sorted(status.devices, key=lambda one: (one.state == "online", one.device))
    for one in ranked[:DEVICES]:
        yield device_line(one, zh)
    if ranked[DEVICES:]:
        more = len(ranked) - DEVICES
        yield f"……另有 {more} 台设备" if zh else f"... and {more} more devices"


def device_line(one: DeviceStatus, zh: bool) -> str:
    """A device: its state, its figures, and why it is not online."""
    figures = [
        f"{FIGURES.get(name, name) if zh else name.replace('_', ' ')} {value if isinstance(value, str) else short(value)}"
        for name, value in one.figures.items()
        if value != ""
    ]
    state = DEVICE_STATES.get(one.state, one.state) if zh else one.state
    return "  ".join([f"{'设备' if zh else 'device'} {one.device} {state}", *figures, *([one.reason] if one.reason else [])])


def queue_lines(status: StoreStatus, zh: bool) -> Iterator[str]:
    """One line for each queue in which something waits or of which something was lost."""
    for queue in status.queues:
        lost = [
            f"{words} {count:,}"
            for words, count in (
                ("丢弃" if zh else "dropped", queue.dropped),
                ("拒收" if zh else "refused", queue.refused),
                ("过迟" if zh else "late", queue.late),
            )
            if count
        ]
        if queue.waiting or lost:
            waits = f"等待 {queue.waiting:,}/{queue.limit:,}" if zh else f"waiting {queue.waiting:,}/{queue.limit:,}"
            yield "  ".join([f"{'队列' if zh else 'queue'} {queue.stream} ({queue.policy})", waits, *lost])


def reasons(status: StoreStatus, zh: bool) -> Iterator[str]:
    """Why an instance is not level, and the store's troubles."""
    for one in status.instances:
        if one.health != "level" and one.reason:
            words = HEALTH[one.health][zh]
            yield f"{one.name} {words}：{one.reason}" if zh else f"{one.name} {words}: {one.reason}"
    for trouble in status.troubles:
        yield f"异常：{trouble}" if zh else f"trouble: {trouble}"


def table(instances: list[InstanceStatus], rates: Rates, zh: bool) -> Table:
    from rich.table import Table

    rows = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for number, (en, words, width) in enumerate(COLUMNS):
        right = 2 <= number < len(COLUMNS) - 1
        rows.add_column(words if zh else en, width=width, no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    for one in instances:
        rows.add_row(*cells(one, rates, zh))
    return rows


def cells(one: InstanceStatus, rates: Rates, zh: bool) -> list[Any]:
    """One instance's row."""
    from rich.text import Text

    health = HEALTH[one.health]
    rate = rates.get(one.name)
    return [
        Text(clean(one.name)),
        Text(health[zh], style=health[2]),
        "–" if rate is None else short(rate),
        short(one.lag),
        short(one.outputs),
        Text(short(one.failures), style="red" if one.failures else ""),
        short(one.busy_s * 1000 / one.handled) if one.handled else "–",
        short(one.longest_ms),
        "–" if one.memory_mb is None else short(one.memory_mb),
        Text(one.isolation),
    ]


def clean(text: str) -> str:
    """Text from outside without what could steer a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def short(value: float) -> str:
    """A figure in at most six signs: 0.42, 17.3, 1,204, 204k, 1.2M."""
    if value == 0:
        return "0"
    if isinstance(value, int) and value < 100_000:
        return f"{value:,}"
    for below, size, unit, digits in SIZES:
        if value < below:
            return f"{value / size:,.{digits}f}{unit}"
    return f"{value / 1e9:,.1f}G"


def span(time: timedelta, zh: bool) -> str:
    """A duration: 3 d 04:12, or 00:07:31 on the first day."""
    seconds = max(0, int(time.total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, minutes = divmod(rest // 60, 60)
    if days:
        return f"{days} 天 {hours:02}:{minutes:02}" if zh else f"{days} d {hours:02}:{minutes:02}"
    return f"{hours:02}:{minutes:02}:{rest % 60:02}"
