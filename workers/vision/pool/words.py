"""What a pool tells of its cameras, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from storeloom.workers.vision.pool.job import State

Code = Literal[
    "running",
    "moved",
    "host_lost",
    "no_host",
    "lowered",
    "suspended",
    "restored",
    "stream_lost",
    "stream_back",
    "ended",
    "failed",
    "algorithm_off",
]

STATES: Mapping[Code, State] = {
    "running": "online",
    "moved": "online",
    "host_lost": "degraded",
    "no_host": "offline",
    "lowered": "degraded",
    "suspended": "degraded",
    "restored": "online",
    "stream_lost": "offline",
    "stream_back": "online",
    "ended": "offline",
    "failed": "fault",
    "algorithm_off": "degraded",
}

HERE = "here"
HOSTS: Mapping[object, Mapping[str, str]] = {HERE: {"en": "this machine", "zh": "本机"}}

TEXTS: Mapping[Code, Mapping[str, str]] = {
    "running": {"en": "It runs on {host}.", "zh": "正在 {host} 上运行。"},
    "moved": {
        "en": "It was moved from {old} to {host}, with its state; no frame is counted twice.",
        "zh": "已连同状态从 {old} 移至 {host}；画面不会重复计数。",
    },
    "host_lost": {
        "en": "{old} was lost ({reason}). The camera goes on elsewhere from its state after frame {kept}; what was reported up to frame "
        "{after} is not counted again.",
        "zh": "{old} 已失去（{reason}）。摄像机将在别处从第 {kept} 帧后的状态继续；第 {after} 帧之前已上报的内容不会重复计数。",
    },
    "no_host": {"en": "No host is left to run it; it goes on when one is back.", "zh": "没有可用的主机；有主机恢复后继续运行。"},
    "lowered": {
        "en": "The hosts cannot bear all cameras: this one (priority {priority}) is looked at {fps:g} times a second in place of "
        "{wanted:g}. Give it more cores, or fewer cameras or frames.",
        "zh": "主机算力不足：该摄像机（优先级 {priority}）由每秒 {wanted:g} 帧降至 {fps:g} 帧。请增加核心，或减少摄像机或帧率。",
    },
    "suspended": {
        "en": "The hosts cannot bear all cameras: this one (priority {priority}) is suspended until there is room. Give it more cores, or "
        "fewer cameras or frames.",
        "zh": "主机算力不足：该摄像机（优先级 {priority}）已暂停，待有余量时恢复。请增加核心，或减少摄像机或帧率。",
    },
    "restored": {
        "en": "There is room again: it is looked at {fps:g} times a second on {host}.",
        "zh": "算力已恢复：在 {host} 上每秒处理 {fps:g} 帧。",
    },
    "stream_lost": {"en": "No frames come: {reason}", "zh": "没有画面：{reason}"},
    "stream_back": {"en": "Frames come again on {host}.", "zh": "画面已恢复（{host}）。"},
    "ended": {"en": "The recording was read to its end, frame {after}.", "zh": "录像已读完（至第 {after} 帧）。"},
    "failed": {"en": "It failed: {reason} It is tried again where it is live.", "zh": "运行失败：{reason} 实时摄像机会自动重试。"},
    "algorithm_off": {"en": "{reason}", "zh": "{reason}"},
}


def text(code: Code, **args: object) -> dict[str, str]:
    """A text in both languages; an argument that is itself such words, or a host that has some, is put in language by language."""
    named = {key: HOSTS.get(value, value) if key in ("host", "old") else value for key, value in args.items()}
    return {
        lang: words.format(**{key: value[lang] if isinstance(value, Mapping) else value for key, value in named.items()})
        for lang, words in TEXTS[code].items()
    }
