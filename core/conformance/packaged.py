"""Whether a package installs as it should: announced, listed, whole, with a version, a licence and bounds. Read, never run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from storeloom.core.conformance.metadata import constants, from_source
from storeloom.core.conformance.plugin_code import declared_classes
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.conformance.shipped import package_files
from storeloom.core.control.trust.wheels import package_of
from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import BUILT_IN, GROUP, ROOT, listed, read_listing

SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc|-[0-9A-Za-z.-]+|\.dev)\d*)?(\+[0-9A-Za-z.-]+)?")
LICENCES, CHANGELOGS = ("LICEN[CS]E*", "COPYING*", "licenses/*"), ("CHANGELOG*", "CHANGES*", "HISTORY*", "docs/CHANGELOG*")
_BUILT_IN = {"en": "storeloom itself is built in", "zh": "storeloom 本身为内置"}
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def announced(subject: Subject, _: str) -> Found:
    """The entry point of the group names the package that is there."""
    if subject.package.name == BUILT_IN:
        return Found(beside=_BUILT_IN)
    lines = subject.notes["announced"]
    if not lines:
        return Found((Finding("SL-CHK-02", {"group": GROUP, "package": subject.package.name}),))
    wrong = [line for line in lines if package_of([line]) != subject.package.name]
    return Found(tuple(Finding("SL-CHK-03", {"group": GROUP, "line": line, "package": subject.package.name}) for line in wrong))


def listing(subject: Subject, _: str) -> Found:
    """plugins.toml lists what is there, and nothing else; the index has it too."""
    package = subject.package
    try:
        lines = list(listed(read_listing(package)))
    except PluginFault as fault:
        return Found(fault.findings)
    paths = {settings["path"] for _, _, _, settings in lines}
    found = [
        Finding("SL-CHK-04", {"id": one, "path": settings["path"]}, path=one, file=str(package.listing))
        for _, _, one, settings in lines
        if not (package.root / settings["path"]).is_file()
    ]
    for file, name, what in declared_classes(package):
        if file not in paths:
            found.append(Finding("SL-CHK-05", {"file": file, "name": name, **what}, file=str(package.root / file)))
    found += [one for one in subject.registry.catalogue.findings if _about(one, subject)]
    return Found(tuple(found) if lines else (*found, Finding("SL-CHK-58", {"listing": str(package.listing)}, file=str(package.listing))))


def _about(finding: Finding, subject: Subject) -> bool:
    """Whether a finding of the catalogue is about this package, and says more than that a listed file is not there."""
    there = not finding.path or any(True for _ in subject.package.root.glob(f"**/{finding.path}.py"))
    return finding.severity == "error" and str(finding.file or "").startswith(str(subject.package.root)) and there


def whole(subject: Subject, _: str) -> Found:
    """What belongs to the package is in the wheel: the listing, the index, each schema, each module, each episode."""
    package, files = subject.package, subject.distribution.files
    if package.name == BUILT_IN or not files:
        return Found(beside=_BUILT_IN if package.name == BUILT_IN else {"en": "it keeps no record of its files", "zh": "没有文件记录"})
    base = package.name.replace(".", "/")
    wanted = ["plugins.toml", "schemas/catalogue.json"]
    known = subject.registry.catalogue
    for entry in [*known.solutions.values(), *known.adapters.values()]:
        if entry.package.name == package.name:
            wanted += [entry.path, str(entry["schema"])]
    wanted += [one for one in package_files(package.root) if "episodes/" in one and one.endswith((".yaml", ".yml"))]
    missing = [one for one in dict.fromkeys(wanted) if f"{base}/{one}" not in set(files)]
    return Found(tuple(Finding("SL-CHK-06", {"file": f"{base}/{one}", "package": package.name}) for one in missing))


def names(subject: Subject, _: str) -> Found:
    """A wheel installs its own names and nobody else's."""
    if subject.notes["wheel"] is None:
        return Found(beside={"en": "only a wheel says what it installs", "zh": "仅 wheel 可知其安装内容"})
    tops = {file.partition("/")[0] for file in subject.distribution.files}
    taken = {
        name
        for name in tops
        if name.removesuffix(".py") in sys.stdlib_module_names or name.removesuffix(".py") == BUILT_IN or name.endswith((".pth", ".data"))
    }
    return Found(tuple(Finding("SL-CHK-55", {"name": name}) for name in sorted(taken)))


def version(subject: Subject, _: str) -> Found:
    """The version is a semantic one, and the same wherever it stands."""
    told = subject.distribution.version
    found = [] if SEMANTIC.fullmatch(told) else [Finding("SL-CHK-07", {"what": subject.distribution.name, "version": told or '""'})]
    init = subject.package.root / "__init__.py"
    if init.is_file():
        other = constants(init.read_text(encoding="utf-8")).get("__version__")
        if isinstance(other, str) and not _same(other, told):
            found.append(
                Finding("SL-CHK-08", {"version": told, "other": other, "place": f"{subject.package.name}.__version__"}, file=str(init))
            )
    return Found(tuple(found))


def plugin_version(subject: Subject, plugin: str) -> Found:
    """Each plugin's own version is a semantic one."""
    known = subject.registry.catalogue
    entry = known.solutions.get(plugin) or known.adapters[plugin]
    told = str(entry["version"])
    right = SEMANTIC.fullmatch(told)
    return Found(() if right else (Finding("SL-CHK-07", {"what": plugin, "version": told}, path=plugin, file=str(entry.file)),))


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def licence(subject: Subject, _: str) -> Found:
    """An SPDX expression, and the licence's text beside it."""
    told, found = subject.distribution.licence, []
    if not told:
        found.append(Finding("SL-CHK-09"))
    else:
        try:
            canonicalize_license_expression(told)
        except InvalidLicenseExpression:
            found.append(Finding("SL-CHK-10", {"licence": told if len(told) < 60 else f"{told[:60]}…"}))
    if not any(True for _ in _beside(subject, LICENCES)):
        found.append(Finding("SL-CHK-11"))
    return Found(tuple(found))


def readme(subject: Subject, _: str) -> Found:
    """What the package is for, in the words of its vendor."""
    return Found(() if len(subject.distribution.readme.strip()) >= 40 else (Finding("SL-CHK-12"),))


def both_languages(subject: Subject, _: str) -> Found:
    """Its documentation can be read in English and in Chinese."""
    texts = [subject.distribution.readme]
    texts += [file.read_text(encoding="utf-8", errors="replace") for file in _beside(subject, ("README*zh*", "docs/zh/*", "docs/*zh*.md"))]
    zh = any(len(_CHINESE.findall(text)) >= 40 for text in texts)
    en = any(len(re.findall(r"[A-Za-z]{2,}", text)) >= 20 for text in texts)
    lacks = [{"en": "English", "zh": "英文"}] * (not en) + [{"en": "Chinese", "zh": "中文"}] * (not zh)
    return Found(tuple(Finding("SL-CHK-56", {"language": one}) for one in lacks))


def python(subject: Subject, _: str) -> Found:
    """Requires-Python is there, and admits the Python that runs here."""
    told, running = subject.distribution.python, ".".join(map(str, sys.version_info[:3]))
    try:
        fits = bool(told) and SpecifierSet(told).contains(running)
    except InvalidSpecifier:
        fits = False
    return Found(() if fits else (Finding("SL-CHK-13", {"python": told or '""', "running": running}),))


def requires(subject: Subject, _: str) -> Found:
    """Each requirement can be read, names no address, and storeloom is among them in the version that checks."""
    if subject.package.name == BUILT_IN:
        return Found(beside=_BUILT_IN)
    found, own = [], []
    for line in subject.distribution.requires:
        try:
            wanted = Requirement(line)
        except InvalidRequirement as error:
            found.append(Finding("SL-CHK-14", {"line": line, "reason": {"en": f"cannot be read: {error}", "zh": f"无法解析：{error}"}}))
            continue
        if wanted.url is not None:
            reason = {"en": "names an address: nothing is fetched from addresses in a store", "zh": "指向网址：门店不会从网址获取软件"}
            found.append(Finding("SL-CHK-14", {"line": line, "reason": reason}))
        own += [wanted] if wanted.name.lower() == BUILT_IN else []
    here = storeloom_version()
    if not own:
        found.append(Finding("SL-CHK-15", {"version": here, "next": _next_major(here)}))
    found += [
        Finding("SL-CHK-16", {"line": str(one), "version": here, "next": _next_major(here)})
        for one in own
        if not one.specifier.contains(here, prereleases=True)
    ]
    return Found(tuple(found))


def bounded(subject: Subject, _: str) -> Found:
    """The requirement on storeloom has a lower and an upper bound."""
    if subject.package.name == BUILT_IN:
        return Found(beside=_BUILT_IN)
    here = storeloom_version()
    return Found(
        tuple(
            Finding("SL-CHK-17", {"line": str(one), "version": here, "next": _next_major(here)})
            for one in _own(subject)
            if not _bounded(one.specifier)
        )
    )


def _own(subject: Subject) -> Iterator[Requirement]:
    for line in subject.distribution.requires:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.name.lower() == BUILT_IN and wanted.url is None:
            yield wanted


def _bounded(given: SpecifierSet) -> bool:
    signs = {one.operator for one in given}
    exact = bool(signs & {"==", "===", "~="})
    return exact or (bool(signs & {">=", ">"}) and bool(signs & {"<", "<="}))


def storeloom_version() -> str:
    """The version of storeloom that checks."""
    import importlib.metadata

    try:
        return importlib.metadata.version(BUILT_IN)
    except importlib.metadata.PackageNotFoundError:  # a source tree that is not installed
        return from_source(ROOT).distribution.version


def _next_major(told: str) -> str:
    return f"{int(told.partition('.')[0]) + 1}"


def changelog(subject: Subject, _: str) -> Found:
    """The version's changes are written down."""
    if subject.folder is None:
        return Found(beside={"en": "a changelog stands in the sources", "zh": "更新日志位于源码中"})
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in _beside(subject, CHANGELOGS)]
    told = subject.distribution.version
    right = any(re.search(rf"(?<![\d.]){re.escape(told)}(?![\d.]*\d)", text) for text in texts) if told else False
    return Found(() if right else (Finding("SL-CHK-18", {"version": told, "there": _there(bool(texts))}),))


def _there(is_there: bool) -> Mapping[str, str]:
    return {"en": "does not mention", "zh": "未提及"} if is_there else {"en": "is not there to mention", "zh": "不存在，未提及"}


def typed(subject: Subject, _: str) -> Found:
    """`py.typed` is there and shipped, so that another's type checker reads the package's types (PEP 561)."""
    base = subject.package.name.replace(".", "/")
    if subject.package.name == BUILT_IN:
        return Found(beside=_BUILT_IN)
    files = subject.distribution.files
    there = f"{base}/py.typed" in files if files else (subject.package.root / "py.typed").is_file()
    return Found(() if there else (Finding("SL-CHK-57", {"file": f"{base}/py.typed"}),))


def _beside(subject: Subject, globs: tuple[str, ...]) -> Iterator[Path]:
    """Files beside the package: of its source folder, or of its wheel's or installation's metadata."""
    site = subject.notes["site"]
    roots = [subject.folder] if subject.folder is not None else sorted(Path(site or subject.package.root.parent).glob("*.dist-info"))
    if subject.folder is None and site is None:
        plain = subject.distribution.name.replace("-", "_").lower()
        roots = [one for one in roots if one is not None and one.name.lower().startswith(f"{plain}-")]
    for root in roots:
        for glob in globs if root is not None else ():
            yield from (file for file in sorted(root.glob(glob)) if file.is_file())


def _rule(name: str, grade: Grade, words: tuple[str, str, str, str], look: object, scope: Scope = Scope.PACKAGE) -> Rule:
    return Rule(f"packaged.{name}", grade, scope, *words, look)  # type: ignore[arg-type]


_ANNOUNCED = (
    "An entry point announces the package",
    "入口点声明了软件包",
    "pip installs it beside storeloom, and by its entry point it is found: not a line of storeloom changes.",
    "以 pip 与 storeloom 并列安装后，凭入口点即被发现，无需改动 storeloom。",
)
_LISTED = (
    "plugins.toml lists what is there, and nothing else",
    "plugins.toml 与实际内容一一对应",
    "An operator enables, pins and isolates by this list: what it does not name cannot be run or switched off.",
    "运营方据此启用、固定与隔离：未列出者既不能运行也不能停用。",
)
_WHOLE = (
    "Listing, index, schemas, modules and episodes are in the wheel",
    "清单、索引、模式、模块与样例均在 wheel 中",
    "What lies in the sources alone is missing in the store.",
    "只在源码中的文件，到门店就缺失。",
)
_NAMES = (
    "The wheel installs its own names only",
    "wheel 只安装自己的名称",
    "A module with another's name takes that one's place in every process of the machine.",
    "与他人同名的模块会在整台机器的进程中取而代之。",
)
_VERSION = (
    "Its version is a semantic one, the same everywhere",
    "版本号符合语义化版本且各处一致",
    "By the major version a chain sees what it can roll out without a change of its bundles.",
    "连锁凭主版本号判断能否不改方案包直接升级。",
)
_PLUGIN_VERSION = (
    "The plugin's version is a semantic one",
    "插件版本号符合语义化版本",
    "A bundle locks it; by its major version a config is migrated.",
    "方案包锁定该版本；配置按主版本号迁移。",
)
_LICENCE = (
    "A licence is named by SPDX, with its text",
    "以 SPDX 标明许可证并附文本",
    "Without one a chain may not run it; by an SPDX expression machines can list it.",
    "没有许可证，连锁无权运行；SPDX 表达式可由机器汇总。",
)
_README = (
    "A README says what it is for",
    "README 说明其用途",
    "The reviewer and the integrator begin there.",
    "审核者与集成者由此入手。",
)
_LANGUAGES = (
    "Its documentation can be read in both languages",
    "文档有中英两种语言",
    "Stores that read Chinese and stores that read English run the same bundles.",
    "中文与英文门店运行同样的方案包。",
)
_PYTHON = (
    "Requires-Python admits the Python of the stores",
    "Requires-Python 允许门店所用 Python",
    "pip refuses it otherwise, in the store.",
    "否则 pip 会在门店拒绝安装。",
)
_REQUIRES = (
    "Its requirements can be met from the chain's repository",
    "依赖可由连锁仓库满足",
    "A store fetches from its chain alone; storeloom must be named in a version that fits.",
    "门店只从本连锁获取；须声明适用的 storeloom 版本。",
)
_BOUNDED = (
    "The requirement on storeloom has both bounds",
    "对 storeloom 的依赖有上下限",
    "A next major version may break it, and pip would install that.",
    "下一主版本可能不兼容，而 pip 会安装它。",
)
_CHANGELOG = (
    "The changelog mentions the version",
    "更新日志提及该版本",
    "Who rolls it out must see what changes.",
    "推广者须知变更内容。",
)
_TYPED = (
    "It is typed (py.typed)",
    "带类型标记（py.typed）",
    "Who builds upon it has the types checked.",
    "他人在其上开发时可检查类型。",
)
RULES: tuple[Rule, ...] = (
    _rule("announced", Grade.BRONZE, _ANNOUNCED, announced),
    _rule("listed", Grade.BRONZE, _LISTED, listing),
    _rule("whole", Grade.BRONZE, _WHOLE, whole),
    _rule("names", Grade.BRONZE, _NAMES, names),
    _rule("version", Grade.BRONZE, _VERSION, version),
    _rule("python", Grade.BRONZE, _PYTHON, python),
    _rule("requires", Grade.BRONZE, _REQUIRES, requires),
    _rule("licence", Grade.SILVER, _LICENCE, licence),
    _rule("readme", Grade.SILVER, _README, readme),
    _rule("bounded", Grade.SILVER, _BOUNDED, bounded),
    _rule("changelog", Grade.SILVER, _CHANGELOG, changelog),
    _rule("languages", Grade.GOLD, _LANGUAGES, both_languages),
    _rule("typed", Grade.GOLD, _TYPED, typed),
    _rule("solution_version", Grade.BRONZE, _PLUGIN_VERSION, plugin_version, Scope.SOLUTION),
    _rule("adapter_version", Grade.BRONZE, _PLUGIN_VERSION, plugin_version, Scope.ADAPTER),
)
