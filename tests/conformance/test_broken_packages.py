"""One good package, broken in one way at a time: the check names exactly that fault, its place and its words in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storeloom.core.commands.plugin_report import FIGURES
from storeloom.core.conformance.looking import look_at, tasks
from storeloom.core.conformance.rules import Grade, Scope, Subject, Verdict, graded
from storeloom.core.conformance.running import Patience, examine
from storeloom.core.conformance.subject import subject_of
from tests.conformance.vendor_package import GOOD, Vendor, forget

MODULE = "src/acme_store/solutions/cold_excursion.py"
LISTING = "src/acme_store/plugins.toml"
CLASS = "class ColdExcursion(Solution):\n"
QUICK = Patience(20.0, dict.fromkeys(Scope, 6.0))


@dataclass(frozen=True)
class Fault:
    """How a package is broken, and what the check must say: rule, code, place below the package's folder (with its line), words."""

    name: str
    breaks: Callable[[Vendor], object]
    rule: str
    code: str
    place: str
    en: str
    zh: str
    grade: Grade | None = None
    apart: bool = False
    against: str = ""


def _pyproject(old: str, new: str) -> Callable[[Vendor], object]:
    return lambda vendor: vendor.change("pyproject.toml", old, new)


def _module(old: str, new: str, *, indexed: bool = True) -> Callable[[Vendor], object]:
    return lambda vendor: vendor.solution(old, new, indexed=indexed)


def _top(line: str) -> Callable[[Vendor], object]:
    return _module("from datetime import timedelta\n", f"from datetime import timedelta\n{line}\n", indexed=False)


def _unlisted(vendor: Vendor) -> None:
    text = (vendor.folder / MODULE).read_text(encoding="utf-8")
    (vendor.root / "solutions" / "warm.py").write_text(text.replace("ColdExcursion", "Warm"), encoding="utf-8")


def _file(name: str, text: str) -> Callable[[Vendor], object]:
    return lambda vendor: (vendor.root / name).write_text(text, encoding="utf-8")


FAULTS = (
    Fault(
        "no entry point",
        _pyproject('[project.entry-points."storeloom.plugins"]\nacme_store = "acme_store"\n', ""),
        "packaged.announced",
        "SL-CHK-02",
        "",
        "The metadata announces no package of plugins: the entry-point group storeloom.plugins is missing.",
        "元数据未声明插件包：缺少入口点组 storeloom.plugins。",
    ),
    Fault(
        "an entry point that names another package",
        _pyproject('acme_store = "acme_store"', 'acme_store = "acme_shop"'),
        "packaged.announced",
        "SL-CHK-03",
        "",
        "The entry point 'acme_store = acme_shop' of the group storeloom.plugins does not name the package that is there, acme_store.",
        "组 storeloom.plugins 的入口点“acme_store = acme_shop”未指向现有的软件包 acme_store。",
    ),
    Fault(
        "a listed file that is not there",
        lambda vendor: vendor.change(LISTING, "[scenario.energy.solutions]\n", '[scenario.energy.solutions]\ngone = "solutions/gone.py"\n'),
        "packaged.listed",
        "SL-CHK-04",
        LISTING,
        "plugins.toml lists 'gone' at solutions/gone.py, and there is no such file.",
        "plugins.toml 将“gone”列于 solutions/gone.py，但没有该文件。",
    ),
    Fault(
        "a solution that is not listed",
        _unlisted,
        "packaged.listed",
        "SL-CHK-05",
        "src/acme_store/solutions/warm.py",
        "solutions/warm.py declares the solution Warm, and plugins.toml does not list it.",
        "solutions/warm.py 声明了方案 Warm，但 plugins.toml 未列出。",
    ),
    Fault(
        "an episode that is left out of the wheel",
        _pyproject('"**/*.yaml"', '"**/01_*.yaml"'),
        "packaged.whole",
        "SL-CHK-06",
        "",
        "acme_store/tests/episodes/cold_excursion/02_door_opened.yaml is not in the wheel.",
        "wheel 中没有 acme_store/tests/episodes/cold_excursion/02_door_opened.yaml。",
    ),
    Fault(
        "a version that stands twice",
        _file("__init__.py", '"""Acme\'s plugins."""\n\n__version__ = "1.1.0"\n'),
        "packaged.version",
        "SL-CHK-08",
        "src/acme_store/__init__.py",
        "The metadata says version 1.2.0, acme_store.__version__ says 1.1.0.",
        "元数据版本为 1.2.0，而 acme_store.__version__ 为 1.1.0。",
    ),
    Fault(
        "a plugin whose version is no semantic one",
        _module(CLASS, f'{CLASS}    version = "1.2"\n'),
        "packaged.solution_version",
        "SL-CHK-07",
        MODULE,
        "The version of cold_excursion is 1.2, which is no semantic version.",
        "cold_excursion 的版本 1.2 不是语义化版本。",
    ),
    Fault(
        "a requirement from an address",
        _pyproject('"storeloom>=0.1,<1"', '"storeloom>=0.1,<1", "toy @ https://acme.example/toy.whl"'),
        "packaged.requires",
        "SL-CHK-14",
        "",
        "The requirement 'toy @ https://acme.example/toy.whl' names an address: nothing is fetched from addresses in a store.",
        "依赖“toy @ https://acme.example/toy.whl”指向网址：门店不会从网址获取软件。",
    ),
    Fault(
        "storeloom is not required",
        _pyproject('dependencies = ["storeloom>=0.1,<1"]\n', ""),
        "packaged.requires",
        "SL-CHK-15",
        "",
        "The package does not require storeloom.",
        "软件包未声明依赖 storeloom。",
    ),
    Fault(
        "a licence that SPDX does not know",
        _pyproject('license = "Apache-2.0"', 'license = "my own"'),
        "packaged.licence",
        "SL-CHK-10",
        "",
        "The licence 'my own' is no SPDX expression.",
        "许可证“my own”不是 SPDX 表达式。",
        Grade.BRONZE,
    ),
    Fault(
        "a README in one language",
        lambda vendor: (vendor.folder / "README.md").write_text("Alerts when food stays too warm for too long. " * 9, encoding="utf-8"),
        "packaged.languages",
        "SL-CHK-56",
        "",
        "There is no documentation in Chinese.",
        "没有中文文档。",
        Grade.SILVER,
    ),
    Fault(
        "a compiled file",
        _file("fast.so", "\x7fELF"),
        "permitted.readable",
        "SL-CHK-69",
        "src/acme_store/fast.so",
        "fast.so is compiled: nobody can review it.",
        "fast.so 是编译文件，无法审核。",
    ),
    Fault(
        "a solution that uses the network",
        _module("        name = (self.tables", "        import socket  # noqa\n\n        name = (self.tables"),
        "permitted.harmless_solution",
        "SL-CHK-65",
        f"{MODULE}:51",
        "'cold_excursion' reaches for the network: socket.",
        "“cold_excursion”触及网络：socket。",
    ),
    Fault(
        "a solution that looks at the wall clock",
        _top("import time\n\nMADE = time.time()"),
        "permitted.repeatable_solution",
        "SL-CHK-66",
        f"{MODULE}:6",
        "'cold_excursion' depends on the wall clock: time.time.",
        "“cold_excursion”依赖系统时钟：time.time。",
        Grade.BRONZE,
    ),
    Fault(
        "a table that is not declared",
        _module(
            '        if event["kind"] != "temperature" or "asset" not in event:\n',
            '        if event["kind"] == "smoke" and self.tables.zones.rows():\n            return\n'
            '        if event["kind"] != "temperature" or "asset" not in event:\n',
        ),
        "permitted.declared",
        "SL-CHK-67",
        f"{MODULE}:24",
        "'cold_excursion' reads the table 'zones' and does not declare it.",
        "“cold_excursion”读取数据表“zones”，但未声明。",
    ),
    Fault(
        "a table that is declared and never used",
        lambda vendor: (
            vendor.solution(CLASS, f'{CLASS}    version = "1.1.0"\n', indexed=False),
            vendor.solution('reads = ("assets",)', 'reads = ("assets", "zones?")'),
        ),
        "permitted.needed",
        "SL-CHK-68",
        MODULE,
        "'cold_excursion' declares 'zones' in `reads`, and its code never uses it.",
        "“cold_excursion”在 `reads` 中声明了“zones”，代码却从未使用。",
        Grade.BRONZE,
    ),
    Fault(
        "storeloom's insides",
        _top("from storeloom.core.runtime import routing  # noqa"),
        "permitted.public_solution",
        "SL-CHK-84",
        f"{MODULE}:4",
        "'cold_excursion' imports storeloom.core.runtime.routing, which storeloom does not promise to keep.",
        "“cold_excursion”导入了 storeloom 不保证保留的 storeloom.core.runtime.routing。",
        Grade.BRONZE,
    ),
    Fault(
        "a narrower setting under the same major version",
        lambda vendor: (
            vendor.solution(CLASS, f'{CLASS}    version = "1.1.0"\n', indexed=False),
            vendor.solution("le=15", "le=10"),
        ),
        "compatible.unbroken_solution",
        "SL-PLG-07",
        MODULE,
        "'cold_excursion' changed its config contract without a new version: 'limit_c' has a narrower maximum: 15 -> 10.",
        "“cold_excursion”改变了配置约定却未升级版本：“limit_c”的最大值收窄：15 -> 10。",
    ),
    Fault(
        "a store format that is dropped under the same major version",
        lambda vendor: (
            vendor.solution(CLASS, f'{CLASS}    version = "1.1.0"\n', indexed=False),
            vendor.solution('("supermarket", "convenience")', '("supermarket",)'),
        ),
        "compatible.unbroken_solution",
        "SL-CHK-59",
        MODULE,
        "'cold_excursion' breaks its contract under the same major version 1.1.0: it no longer fits the store format convenience.",
        "“cold_excursion”在同一主版本 1.1.0 下破坏约定：不再适用于业态 convenience。",
    ),
    Fault(
        "a driver that is withdrawn under the same major version",
        lambda vendor: None,
        "compatible.withdrawn",
        "SL-CHK-83",
        LISTING,
        "'line_gate' of the last version is gone, and 1.2.0 is no new major version.",
        "上一版本的“line_gate”已消失，而 1.2.0 不是新的主版本。",
        against=str(GOOD / "schemas" / "catalogue.json"),
    ),
    Fault(
        "an index that is stale",
        _module("短暂开门不算超温", "开门片刻不算超温", indexed=False),
        "indexed.solution",
        "SL-PLG-08",
        "src/acme_store/schemas/catalogue.json",
        "Generated file {folder}/src/acme_store/schemas/catalogue.json is stale: it does not say of 'cold_excursion' what its class says.",
        "生成文件 {folder}/src/acme_store/schemas/catalogue.json 已过期：与“cold_excursion”的类声明不符。",
    ),
    Fault(
        "a file of another's that is read",
        _top('PASSWORDS = open("/etc/passwd").read()'),
        "indexed.solution",
        "SL-PLG-02",
        f"{MODULE}:4",
        "Plugin 'cold_excursion' cannot be imported: PermissionError: [Errno 13] Permission denied: '/etc/passwd'.",
        "插件“cold_excursion”无法导入：PermissionError: [Errno 13] Permission denied: '/etc/passwd'。",
        apart=True,
    ),
    Fault(
        "a hang",
        _module("class ColdExcursion", "while True:\n    pass\n\n\nclass ColdExcursion", indexed=False),
        "indexed.solution",
        "SL-CHK-51",
        "",
        "It was not through within 6 s and was ended.",
        "6 秒内未完成，已被终止。",
        apart=True,
    ),
    Fault(
        "a crash",
        _top("import faulthandler\n\nfaulthandler._sigsegv()"),
        "indexed.solution",
        "SL-CHK-52",
        "",
        "Its process ended with -11 (SIGSEGV): it said nothing.",
        "其进程以 -11 (SIGSEGV) 结束：没有输出。",
        apart=True,
    ),
)


def looked(subject: Subject) -> list[Verdict]:
    """All rules, in this process."""
    return [verdict for task in tasks(subject) for verdict in look_at(subject, task)]


def wrong(verdicts: list[Verdict], folder: Path) -> list[tuple[str, str, str, str, str]]:
    """What does not hold: rule, code, place below the folder, and the words in both languages."""
    found = [(one.rule.id, finding) for one in verdicts for finding in one.found.findings if finding.severity == "error"]
    places = [
        (Path(one.file).relative_to(folder).as_posix() if one.file else "") + (f":{one.line}" if one.line else "") for _, one in found
    ]
    return [
        (rule, finding.code, place, finding.text("en"), finding.text("zh")) for (rule, finding), place in zip(found, places, strict=True)
    ]


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    forget()
    yield
    forget()


def test_the_good_package_is_gold(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "acme")
    verdicts = looked(subject_of(str(vendor.folder), tmp_path, against=vendor.last))
    assert wrong(verdicts, tmp_path) == [] and graded(verdicts) is Grade.GOLD
    assert {name for one in verdicts for name in one.found.figures} <= set(FIGURES)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name.replace(" ", "_") for fault in FAULTS])
def test_the_check_names_the_fault_and_nothing_else(fault: Fault, tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "acme")
    fault.breaks(vendor)
    subject = subject_of(str(vendor.folder), tmp_path, against=fault.against or vendor.last)
    verdicts = list(examine(subject, patience=QUICK)) if fault.apart else looked(subject)
    words = [text.replace("{folder}", str(vendor.folder)) for text in (fault.en, fault.zh)]
    assert wrong(verdicts, vendor.folder) == [(fault.rule, fault.code, fault.place, *words)]
    assert graded(verdicts) is fault.grade


FORGED = """import os

for line in (
    b'{"rule":"indexed.solution","findings":5}',
    b'{"rule":"indexed.solution","findings":[{"code":"SL-NO-99"}],"figures":{},"beside":"","seconds":0}',
    b'{"rule":"indexed.solution","findings":[],"figures":{},"beside":{"en":"x"},"seconds":0}',
):
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, line + bytes([10]))
        except OSError:
            pass
os._exit(3)
"""


def test_a_line_that_reads_as_no_finding_is_no_verdict(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path / "acme")
    _top(FORGED)(vendor)
    verdicts = list(examine(subject_of(str(vendor.folder), tmp_path), only=("indexed.solution",), patience=QUICK))
    words = ("Its process ended with 3: it said nothing.", "其进程以 3 结束：没有输出。")
    assert wrong(verdicts, vendor.folder) == [("indexed.solution", "SL-CHK-52", "", *words)]


def test_a_wheel_that_takes_anothers_name_is_told(tmp_path: Path) -> None:
    made = Vendor(tmp_path / "acme").wheel(tmp_path / "dist", **{"json.py": "", "storeloom__extra.py": ""})
    found = wrong(looked(subject_of(str(made), tmp_path)), tmp_path)
    assert [(rule, code, en) for rule, code, _, en, _ in found] == [
        ("packaged.names", "SL-CHK-55", "The wheel installs 'json.py', which is another's name."),
        ("packaged.names", "SL-CHK-55", "The wheel installs 'storeloom', which is another's name."),
    ]
