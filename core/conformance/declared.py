"""What a solution or adapter declares: complete, in both languages, of one mind with the catalogue, refused where it must be, and cheap
to import."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.core.conformance.importing import imported
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import compose_sources
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import ConfigFault, Finding, PluginFault, StoreloomError
from storeloom.core.kernel.registry import Entry, Plugin, hint
from storeloom.core.kernel.sources import gather
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.virtual.formats import SHAPES, default_profile
from storeloom.core.virtual.solo import ROOMY, compose_solo
from storeloom.core.virtual.tables import shared_tables
from storeloom.core.virtual.trial import Trial

HEAVY = frozenset({"PIL", "cv2", "flask", "matplotlib", "numpy", "onnxruntime", "ortools", "pandas", "polars", "ray", "scipy", "sklearn",
                   "statsforecast", "streamlit", "tensorflow", "torch", "transformers"})  # fmt: skip
LOADS = ("light", "vision", "forecast", "optimise")
EFFECTS = ("live", "reload", "restart")
EMPTY_DAYS, FULL_DAYS = 8, 1
START = datetime(2026, 3, 1, 16, tzinfo=UTC)


def _entry(subject: Subject, plugin: str) -> Entry:
    known = subject.registry.catalogue
    return known.solutions[plugin] if plugin in known.solutions else known.adapters[plugin]


# --- importing ---


def light(subject: Subject, plugin: str) -> Found:
    """Importing a plugin's module brings nothing that takes long to import."""
    names = sorted(imported(subject, plugin).brought & HEAVY)
    return Found((Finding("SL-CHK-20", {"id": plugin, "names": names}, file=str(_entry(subject, plugin).file)),) if names else ())


# --- words ---


def words(subject: Subject, plugin: str) -> Found:
    """Titles, purpose, figures and kinds stand in both languages; a figure has a unit, and a solution has a figure."""
    entry = _entry(subject, plugin)
    lacking: dict[str, list[str]] = {"zh": [], "en": []}
    for place, en, zh in _texts(entry):
        if not _has_chinese(zh):
            lacking["zh"].append(place)
        if not en.strip() or _has_chinese(en):
            lacking["en"].append(place)
    names = {"en": {"en": "English", "zh": "英文"}, "zh": {"en": "Chinese", "zh": "中文"}}
    found = [
        Finding("SL-CHK-21", {"id": plugin, "language": names[lang], "places": places}, file=str(entry.file))
        for lang, places in lacking.items()
        if places
    ]
    if "kpis" in entry.facts and not entry["kpis"]:
        found.append(Finding("SL-CHK-25", {"id": plugin}, file=str(entry.file)))
    bare = [f"kpis.{name}" for name, facts in entry.facts.get("kpis", {}).items() if not facts["unit"]]
    if bare:
        unit = {"en": "unit", "zh": "单位"}
        found.append(Finding("SL-CHK-21", {"id": plugin, "language": unit, "places": bare}, file=str(entry.file)))
    return Found(tuple(found))


def _texts(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Where words stand, in English and Chinese."""
    yield "title", entry["en"], entry["zh"]
    yield "purpose", entry["purpose_en"], entry["purpose_zh"]
    for group in ("kpis", "kinds"):
        for name, facts in entry.facts.get(group, {}).items():
            yield f"{group}.{name}", facts["en"], facts["zh"]


def _has_chinese(text: str) -> bool:
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def keys(subject: Subject, plugin: str) -> Found:
    """Every config key has a title in both languages, help in both or neither, a default, and says when a change counts."""
    entry = _entry(subject, plugin)
    properties = schemas.load(entry.schema_file).get("properties", {})
    if not properties:
        return Found(beside={"en": "there is nothing to set", "zh": "没有配置项"})
    return Found(
        tuple(
            Finding("SL-CHK-22", {"id": plugin, "key": key, "lack": {"en": en, "zh": zh}}, path=key, file=str(entry.file))
            for key, facts in properties.items()
            for en, zh in _lacks(facts)
        )
    )


def _lacks(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a config key lacks, in English and Chinese."""
    title, helps = facts.get("title", ""), [bool(facts.get(name)) for name in ("description", "x-help-zh")]
    if not title.strip() or _has_chinese(title):
        yield "no English title", "没有英文标题"
    if not _has_chinese(facts.get("x-zh", "")):
        yield "no Chinese title", "没有中文标题"
    if helps[0] != helps[1]:
        yield ("no Chinese help", "没有中文说明") if helps[0] else ("no English help", "没有英文说明")
    if facts.get("x-effect") not in EFFECTS:
        yield "no effect (live, reload or restart)", "没有生效方式（live、reload 或 restart）"
    if "default" not in facts:
        yield "no default", "没有默认值"


# --- names ---


def names(subject: Subject, plugin: str) -> Found:
    """The streams, tables, devices, formats and load that a solution names are there, and something starts it."""
    entry, known = _entry(subject, plugin), subject.registry.catalogue
    devices = [kind for spec in entry["adapters"] for kind in spec.rstrip("?").split("|")]
    checked: tuple[tuple[str, str, list[str], Collection[str], str], ...] = (
        ("stream", "数据流", [*entry["consumes"], *entry["produces"]], schemas.streams(), "schemas/streams"),
        ("table", "数据表", entry["reads"], schemas.tables(), "schemas/tables"),
        ("device kind", "设备类别", devices, known.adapter_kinds, "schemas/adapter_kinds.json"),
        ("format", "业态", entry["formats"], SHAPES, ", ".join(SHAPES)),
        ("load", "负载类型", [entry["load"]], LOADS, ", ".join(LOADS)),
    )
    found = []
    for en, zh, used, there, place in checked:
        for name in sorted({name.rstrip("?") for name in used} - set(there)):
            args = {"id": plugin, "what": {"en": en, "zh": zh}, "name": name, "place": place, **hint(name, list(there))}
            found.append(Finding("SL-CHK-23", args, file=str(entry.file)))
    if not entry["consumes"] and not _starts(subject.registry.load(plugin)):
        found.append(Finding("SL-CHK-24", {"id": plugin}, file=str(entry.file)))
    return Found(tuple(found))


def _starts(plugin: Plugin) -> bool:
    return any(hasattr(getattr(plugin.cls, name), "__schedule__") for name in dir(plugin.cls))


# --- configs ---


def empty(subject: Subject, plugin: str) -> Found:
    """An empty config runs in a default store of each format: a day with the store's tables, and a week with nothing at all."""
    entry, found = _entry(subject, plugin), []
    for store_format in entry["formats"]:
        reason = _empty_in(subject, entry, store_format, full=store_format == entry["formats"][0])
        if reason:
            found.append(Finding("SL-CHK-26", {"id": plugin, "format": store_format, "reason": reason}, file=str(entry.file)))
    return Found(tuple(found))


def _empty_in(subject: Subject, entry: Entry, store_format: str, *, full: bool) -> dict[str, str] | None:
    """Why an empty config does not run in a format's store, in both languages; `full`: with its tables too."""
    store = {**default_profile(store_format), "edge": ROOMY}
    store["devices"] = {f"{kind}-1": {"kind": kind} for kind in subject.registry.catalogue.adapter_kinds}
    composition = compose_solo(subject.registry, entry.id, store, {}, Document(entry.id, {}, {}), schemas.streams())
    if composition.errors:
        return _both(composition.errors[0])
    runs: list[tuple[Mapping[str, Any], int]] = [({}, EMPTY_DAYS)]
    if full:
        runs.append((shared_tables(store_format), FULL_DAYS))
    for tables, days in runs:
        try:
            trial = Trial(composition.require(), subject.registry, tables, START)
            trial.run([], START + timedelta(days=days))
        except StoreloomError as fault:
            return _both(fault.findings[0])
        except Exception as error:  # a config that validates against the schema, yet not as the class reads it
            reason = f"{type(error).__name__}: {error}"
            return {"en": reason, "zh": reason}
        if trial.result.failures:
            return _both(trial.result.failures[0])
    return None


def _both(finding: Finding) -> dict[str, str]:
    """A finding's words without their full stop, to stand within another's."""
    return {"en": finding.text("en").rstrip("."), "zh": finding.text("zh").rstrip("。")}


def refuses(subject: Subject, plugin: str) -> Found:
    """A config with an unknown key or a wrong type is refused, and the finding says which."""
    entry = _entry(subject, plugin)
    keys = list(schemas.load(entry.schema_file).get("properties", {}))
    config = {"no_such_key": 1, **({keys[0]: {"no": ["such", "type"]}} if keys else {})}
    body = {"document": "bundle/1", "solutions": {plugin: {"config": config}}, "store": default_profile(_format(entry))}
    errors = compose_sources(gather(Document(plugin, body, {}), subject.registry.catalogue), subject.registry).errors
    at = f"solutions.{plugin}.config"
    taken = []
    if not any(error.path == f"{at}.no_such_key" and error.code == "SL-CFG-02" for error in errors):
        taken.append({"en": "an unknown key", "zh": "未知配置项"})
    if keys and not any(error.path.startswith(f"{at}.{keys[0]}") for error in errors):
        taken.append({"en": f"a table of nonsense for '{keys[0]}'", "zh": f"类型错误的“{keys[0]}”值"})
    return Found(tuple(Finding("SL-CHK-27", {"id": plugin, "what": what}, file=str(entry.file)) for what in taken))


def _format(entry: Entry) -> str:
    return next((one for one in entry["formats"] if one in SHAPES), "supermarket")


# --- adapters ---


def kind(subject: Subject, plugin: str) -> Found:
    """An adapter feeds and takes no more than a device of its kind does."""
    entry = _entry(subject, plugin)
    known = subject.registry.catalogue.adapter_kinds.get(entry["kind"])
    if known is None:
        kinds = subject.registry.catalogue.adapter_kinds
        what = {"en": "device kind", "zh": "设备类别"}
        args = {"id": plugin, "what": what, "name": entry["kind"], "place": "schemas/adapter_kinds.json", **hint(entry["kind"], kinds)}
        return Found((Finding("SL-CHK-23", args, file=str(entry.file)),))
    ways = (("feeds", "feeds", "上报"), ("takes", "takes", "接收"))
    found = []
    for way, en, zh in ways:
        more = sorted(set(entry[way]) - set(known[way]))
        if more:
            args = {"id": plugin, "way": {"en": en, "zh": zh}, "streams": more, "kind": entry["kind"], "known": sorted(known[way])}
            found.append(Finding("SL-CHK-28", args, file=str(entry.file)))
    return Found(tuple(found))


def made(subject: Subject, plugin: str) -> Found:
    """An adapter is made with nothing set, and refuses an unknown key."""
    entry = _entry(subject, plugin)
    try:
        make_adapter(subject.registry, plugin, "device-1", {}).close()
    except Exception as error:  # whatever a driver raises
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, StoreloomError):
            return Found((Finding("SL-CHK-29", {"id": plugin, "reason": _both(error.findings[0])}, file=str(entry.file)),))
        return Found((Finding("SL-CHK-29", {"id": plugin, "reason": reason}, file=str(entry.file)),))
    try:
        make_adapter(subject.registry, plugin, "device-1", {"no_such_key": 1}).close()
    except ConfigFault as fault:
        if [finding.code for finding in fault.findings] == ["SL-CFG-02"]:
            return Found()
    except PluginFault:
        pass
    what = {"en": "an unknown key", "zh": "未知配置项"}
    return Found((Finding("SL-CHK-27", {"id": plugin, "what": what}, file=str(entry.file)),))


RULES: tuple[Rule, ...] = (
    Rule("declared.names", Grade.BRONZE, Scope.SOLUTION, "The streams, tables, devices and formats that it names are there",
         "所写的数据流、数据表、设备与业态均存在", "What nobody feeds never comes, and nothing says so.",
         "没有来源的数据永远不会到来，且无人提示。", names),
    Rule("declared.empty", Grade.BRONZE, Scope.SOLUTION, "An empty config runs in a store of every format that it names",
         "空配置可在其支持的每种业态中运行", "An integrator drops it into a bundle first and sets it up later.",
         "集成人员先加入方案包，之后才调整配置。", empty),
    Rule("declared.refuses", Grade.BRONZE, Scope.SOLUTION, "An unknown config key and a wrong type are refused",
         "拒绝未知配置项与错误类型", "A mistyped key that is taken in silence is a setting that does nothing.",
         "悄悄接受写错的配置项，等于该设置不起作用。", refuses),
    Rule("declared.kind", Grade.BRONZE, Scope.ADAPTER, "It feeds and takes what a device of its kind does",
         "上报与接收的数据流不超出其设备类别", "Solutions are wired to kinds of devices, not to drivers.", "方案按设备类别而非驱动接线。",
         kind),
    Rule("declared.made", Grade.BRONZE, Scope.ADAPTER, "It is made with nothing set and refuses an unknown key",
         "无配置即可创建，并拒绝未知配置项", "A store must tell a wrong setting from a device that is away.",
         "门店须能区分配置错误与设备离线。", made),
    Rule("declared.words", Grade.SILVER, Scope.SOLUTION, "Titles, purpose, figures and kinds stand in English and Chinese",
         "名称、用途、指标与类别均有中英文", "Chinese and English are equals in the studio and in every alert.", "工作台与告警中英文同等。",
         words),
    Rule("declared.keys", Grade.SILVER, Scope.SOLUTION, "Every config key is told in both languages and has a default",
         "每个配置项均有中英文标题与默认值", "Who sets it up sees nothing else of it.", "配置人员只能看到这些。", keys),
    Rule("declared.light", Grade.SILVER, Scope.SOLUTION, "Importing it brings no heavy library", "导入时不加载大型库",
         "A store starts all its solutions at once, on a small machine.", "门店在小型主机上同时启动全部方案。", light),
    Rule("declared.adapter_words", Grade.SILVER, Scope.ADAPTER, "Its title and purpose stand in English and Chinese",
         "名称与用途有中英文", "Chinese and English are equals in the studio and in every alert.", "工作台与告警中英文同等。", words),
    Rule("declared.adapter_keys", Grade.SILVER, Scope.ADAPTER, "Every setting is told in both languages and has a default",
         "每个设置项均有中英文标题与默认值", "Who connects a device sees nothing else of it.", "接入设备的人员只能看到这些。", keys),
    Rule("declared.adapter_light", Grade.SILVER, Scope.ADAPTER, "Importing it brings no heavy library", "导入时不加载大型库",
         "A store starts all its drivers at once, on a small machine.", "门店在小型主机上同时启动全部驱动。", light),
)  # fmt: skip
