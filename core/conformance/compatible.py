"""Whether a package takes the place of its last version: what bundles, other solutions and dashboards of that version count on is still
there. A break needs a new major version, and a config's break a migration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.narrowing import Words, narrowed
from storeloom.core.kernel.registry import Entry, read_index

MIGRATES = "storeloom_migrate_config"
Facts = Mapping[str, Any]


def withdrawn(subject: Subject, _: str) -> Found:
    """Plugins of the last version that are gone under the same major version of the package."""
    index, none = _last(subject)
    if index is None:
        return Found(beside=none)
    told, before = subject.distribution.version, subject.notes["before"]["version"]
    if before and _major(before) != _major(told):
        return Found()
    known = subject.registry.catalogue
    found = []
    for group, here in (("solutions", known.solutions), ("adapters", known.adapters)):
        for plugin in index[group]:
            if plugin not in here:
                found.append(Finding("SL-CHK-83", {"id": plugin, "version": told}, path=plugin, file=str(subject.package.listing)))
    return Found(tuple(found))


def unbroken(subject: Subject, plugin: str) -> Found:
    """Nothing of a plugin's contract breaks without a new major version."""
    entry, old, none = _pair(subject, plugin)
    if old is None:
        return Found(beside=none)
    if _major(old["version"]) != _major(entry["version"]):
        return Found()
    file = str(entry.file)
    version = str(entry["version"])
    found = [Finding("SL-PLG-07", {"id": plugin, "reason": words}, plugin, file) for words in _config_breaks(subject, entry, old)]
    found += [
        Finding("SL-CHK-59", {"id": plugin, "reason": words, "version": version}, plugin, file)
        for words in contract_breaks(old, entry.facts)
    ]
    return Found(tuple(found))


def forward(subject: Subject, plugin: str) -> Found:
    """A version never goes down, and a contract that changed has another one."""
    entry, old, none = _pair(subject, plugin)
    if old is None:
        return Found(beside=none)
    args = {"id": plugin, "version": str(entry["version"]), "before": str(old["version"])}
    if _numbers(args["version"]) < _numbers(args["before"]):
        return Found((Finding("SL-CHK-60", args, path=plugin, file=str(entry.file)),))
    same = args["version"] == args["before"]
    changed = [key for key in ("schema_sha256", *_LISTS, "kpis", "kinds", "kind") if old.get(key) != entry.facts.get(key)]
    names = ["config" if key == "schema_sha256" else key for key in changed]
    return Found((Finding("SL-CHK-61", {**args, "names": names}, path=plugin, file=str(entry.file)),) if same and changed else ())


def migrated(subject: Subject, solution: str) -> Found:
    """A config that a new major version refuses is brought over by the hook `storeloom_migrate_config`."""
    entry, old, none = _pair(subject, solution)
    if old is None:
        return Found(beside=none)
    broken = _config_breaks(subject, entry, old)
    if not broken or _major(old["version"]) == _major(entry["version"]) or MIGRATES in entry["hooks"]:
        return Found()
    args = {"id": solution, "version": str(entry["version"]), "reason": broken[0], "hook": MIGRATES}
    return Found((Finding("SL-CHK-62", args, path=solution, file=str(entry.file)),))


def roll_back(subject: Subject, plugin: str) -> Found:
    """What a config of this version may hold that the last one refuses: told, not refused, for a roll-back takes the old config too."""
    entry, old, none = _pair(subject, plugin)
    if old is None:
        return Found(beside=none)
    old_schema = _schema(subject, old)
    words = narrowed(_now(entry), old_schema) if old_schema is not None else []
    args = {"id": plugin, "before": str(old["version"])}
    return Found(tuple(Finding("SL-CHK-63", {**args, "reason": one}, path=plugin, file=str(entry.file)) for one in words))


_LISTS = ("produces", "consumes", "adapters", "reads", "formats", "feeds", "takes", "capabilities")
_GONE: Mapping[str, tuple[str, str]] = {
    "produces": ("it no longer puts out {}", "不再发布 {}"),
    "formats": ("it no longer fits the store format {}", "不再适用于业态 {}"),
    "feeds": ("its driver no longer gives {}", "驱动不再提供 {}"),
    "takes": ("its driver no longer takes {}", "驱动不再接受 {}"),
    "capabilities": ("it no longer has the capability {}", "不再具备能力 {}"),
    "kpis": ("it no longer has the figure {}", "不再提供指标 {}"),
    "kinds": ("it no longer uses the kind {}", "不再使用类别 {}"),
}
_NEEDS: Mapping[str, tuple[str, str]] = {
    "consumes": ("it now needs the stream {}", "现在需要数据流 {}"),
    "adapters": ("it now needs a device of the kind {}", "现在需要 {} 类设备"),
    "reads": ("it now needs the table {}", "现在需要数据表 {}"),
}


def contract_breaks(old: Facts, new: Facts) -> list[Words]:
    """What others count on and is gone, and what is newly needed, in both languages."""
    found = []
    for key, (en, zh) in _GONE.items():
        for name in old.get(key, ()):
            if name not in new.get(key, ()):
                found.append({"en": en.format(name), "zh": zh.format(name)})
    for key, (en, zh) in _NEEDS.items():
        before = {name for name in old.get(key, ()) if not name.endswith("?")}
        for name in new.get(key, ()):
            if not name.endswith("?") and not any(_at_least(name, one) for one in before):
                found.append({"en": en.format(name), "zh": zh.format(name)})
    for name, figure in old.get("kpis", {}).items():
        unit, before = new.get("kpis", {}).get(name, figure).get("unit"), figure.get("unit")
        if unit != before:
            found.append(
                {"en": f"the unit of the figure {name} is {unit}, was {before}", "zh": f"指标 {name} 的单位由 {before} 变为 {unit}"}
            )
    if old.get("kind") != new.get("kind"):
        kinds = old.get("kind"), new.get("kind")
        found.append({"en": f"its kind of device is {kinds[1]}, was {kinds[0]}", "zh": f"设备类别由 {kinds[0]} 变为 {kinds[1]}"})
    return found


def _at_least(new: str, old: str) -> bool:
    """Whether what met an old need (`sensor|refrigeration`: one of these) meets the new one."""
    return set(old.split("|")) <= set(new.split("|"))


def _pair(subject: Subject, plugin: str) -> tuple[Entry, Facts | None, Words]:
    """The plugin's entry and what the last version's index says of it; None with the reason where there is no such."""
    known = subject.registry.catalogue
    group = "solutions" if plugin in known.solutions else "adapters"
    entry: Entry = getattr(known, group)[plugin]
    index, none = _last(subject)
    if index is None:
        return entry, None, none
    old = index[group].get(plugin)
    before = subject.notes["before"]
    return entry, old, {"en": f"it is new: not in the last version ({before['en']})", "zh": f"新增插件：上一版本（{before['zh']}）中没有"}


def _last(subject: Subject) -> tuple[dict[str, Any] | None, Words]:
    """The index of the last version; None with the reason where none is known. An index that is none is a fault."""
    before = subject.notes["before"]
    if subject.before is None:
        return None, {"en": before["en"], "zh": before["zh"]}
    return read_index(subject.before), {}


def _config_breaks(subject: Subject, entry: Entry, old: Facts) -> list[Words]:
    old_schema = _schema(subject, old)
    return [] if old_schema is None else narrowed(old_schema, _now(entry))


def _schema(subject: Subject, old: Facts) -> dict[str, Any] | None:
    """A config's schema in the last version; None where only its index is there."""
    file = subject.before.root / str(old["schema"]) if subject.before else None
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file is not None and file.is_file() else None


def _now(entry: Entry) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(entry.schema_file.read_text(encoding="utf-8"))
    return schema


def _major(version: object) -> str:
    return str(version).partition(".")[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


_WITHDRAWN = (
    "No plugin is withdrawn without a new major version",
    "未升主版本不撤回插件",
    "A bundle that names it would no longer compose.",
    "引用它的方案包将无法组合。",
)
_UNBROKEN = (
    "Nothing that others count on breaks without a new major version",
    "未升主版本不破坏他人所依赖的约定",
    "A chain rolls a minor version out to a thousand stores without touching a bundle.",
    "次版本可直接推广到上千门店而不改方案包。",
)
_FORWARD = (
    "What changed has a new version",
    "有变更即有新版本",
    "Two packages of one version that differ cannot be told apart in a store.",
    "同版本而内容不同的软件包在门店无法区分。",
)
_MIGRATED = (
    "A new major version brings old configs over",
    "新主版本可迁移旧配置",
    "Otherwise each store's settings are made anew by hand.",
    "否则各门店须手工重设。",
)
_BACK = (
    "What a roll-back would refuse is told",
    "列出回退时会被拒绝的配置",
    "Who rolls out must know the way back.",
    "推广者须知退路。",
)


def _rules(name: str, grade: Grade, words: tuple[str, str, str, str], look: object, *scopes: Scope) -> Iterator[Rule]:
    for scope in scopes:
        tail = "" if len(scopes) == 1 else f"_{scope.value}"
        yield Rule(f"compatible.{name}{tail}", grade, scope, *words, look)  # type: ignore[arg-type]


_EACH = (Scope.SOLUTION, Scope.ADAPTER)
RULES: tuple[Rule, ...] = (
    *_rules("withdrawn", Grade.BRONZE, _WITHDRAWN, withdrawn, Scope.PACKAGE),
    *_rules("unbroken", Grade.BRONZE, _UNBROKEN, unbroken, *_EACH),
    *_rules("forward", Grade.SILVER, _FORWARD, forward, *_EACH),
    *_rules("migrated", Grade.SILVER, _MIGRATED, migrated, Scope.SOLUTION),
    *_rules("roll_back", Grade.GOLD, _BACK, roll_back, *_EACH),
)
