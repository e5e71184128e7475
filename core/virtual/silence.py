"""Why a solution put nothing out in a trial: what it never heard, what it found empty, what was left unset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry

WORDS: dict[str, tuple[str, str]] = {
    "unheard": ("Nothing came on: {names}.", "没有收到以下数据：{names}。"),
    "empty": ("Tables without a row: {names}.", "没有内容的表：{names}。"),
    "unset": ("Settings left empty: {names}.", "尚未填写的配置：{names}。"),
    "unrecorded": (
        "No days of records came before the trial; what learns from the past may need some weeks of them (`--history 56`).",
        "试运行之前没有历史数据；需要从历史学习的方案可能要有几周的历史（`--history 56`）。",
    ),
    "heard": ("It heard all that it asks for; nothing happened that calls for an answer.", "所需数据均已收到，期间没有需要它处理的情况。"),
}


@dataclass(frozen=True, slots=True)
class Silence:
    """What an instance lacked that put nothing out: streams, tables (those that it cannot do without first) and settings, by their ids."""

    schema: Path
    unheard: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    unrecorded: bool = False

    def said(self, lang: str) -> list[str]:
        """The reasons as sentences in `lang`, zh or en; never none."""
        lists = {
            "unheard": [_titled(schemas.load(schemas.stream_file(name)), name, lang) for name in self.unheard],
            "empty": [_titled(schemas.load(schemas.table_file(name)), name, lang) for name in self.empty],
            "unset": [_titled(schemas.load(self.schema)["properties"][key], key, lang) for key in self.unset],
        }
        comma = "、" if lang == "zh" else ", "
        found = [WORDS[key][lang == "zh"].format(names=comma.join(names)) for key, names in lists.items() if names]
        if self.unrecorded:
            found.append(WORDS["unrecorded"][lang == "zh"])
        return found or [WORDS["heard"][lang == "zh"]]

    def as_dict(self, lang: str) -> dict[str, Any]:
        return {"unheard": list(self.unheard), "empty": list(self.empty), "unset": list(self.unset), "text": " ".join(self.said(lang))}


def silence(entry: Entry, config: Mapping[str, Any], heard: Collection[str], filled: Collection[str], *, records: bool) -> Silence:
    """What an instance of `entry` with this `config` lacked, when these streams were heard and these tables held rows. `records` tells
    whether days of records came before the trial."""
    unset = tuple(key for key in schemas.load(entry.schema_file)["properties"] if config.get(key) in ("", None, [], {}))
    return Silence(entry.schema_file, _missing(entry["consumes"], heard), _missing(entry["reads"], filled), unset, not records)


def _missing(declared: Sequence[str], there: Collection[str]) -> tuple[str, ...]:
    """Those that are not there; what it can do without (`?`) last."""
    return tuple(name.rstrip("?") for name in sorted(declared, key=lambda name: name.endswith("?")) if name.rstrip("?") not in there)


def _titled(schema: Mapping[str, Any], name: str, lang: str) -> str:
    title = schema.get("x-zh" if lang == "zh" else "title")
    return f"{title} ({name})" if lang != "zh" else f"{title}（{name}）"
