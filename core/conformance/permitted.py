"""What a plugin may do, held against what its code does: a review by reading alone. What is found here a store refuses besides, by shutting
the solution in; and what a plugin may do is listed in plain words for the chain's reviewer.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

from storeloom.core.conformance.plugin_code import Code, Module, imports
from storeloom.core.conformance.reaching import WORDS, Reach, Use, reaches
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.conformance.shipped import package_files
from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import BUILT_IN, Entry

COMPILED = (".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".exe")
# What a plugin must not reach for: at all (bronze), and where it is to be replayed, moved and trusted (silver).
FORBIDDEN: Mapping[tuple[Scope, Grade], frozenset[Use]] = {
    (Scope.SOLUTION, Grade.BRONZE): frozenset({Use.NETWORK, Use.PORTS, Use.WRITES, Use.PROCESSES, Use.NATIVE, Use.CODE}),
    (Scope.SOLUTION, Grade.SILVER): frozenset({Use.CLOCK, Use.CHANCE, Use.THREADS}),
    (Scope.ADAPTER, Grade.BRONZE): frozenset({Use.CODE}),
    (Scope.ADAPTER, Grade.SILVER): frozenset({Use.PROCESSES, Use.NATIVE}),
}
# What a driver reaches for by right, and so is told; of a solution all that is not refused.
TOLD = (Use.NETWORK, Use.PORTS, Use.READS, Use.WRITES, Use.PROCESSES, Use.NATIVE, Use.THREADS)
PUBLIC: Mapping[Scope, tuple[str, ...]] = {
    Scope.SOLUTION: ("storeloom.core.kernel", "storeloom.workers"),
    Scope.ADAPTER: ("storeloom.core.kernel", "storeloom.workers", "storeloom.hardware_adapters"),
}


def entry_of(subject: Subject, plugin: str) -> Entry:
    """The entry of a plugin, of whichever kind it is."""
    known = subject.registry.catalogue
    return known.solutions.get(plugin) or known.adapters[plugin]


def scope_of(subject: Subject, plugin: str) -> Scope:
    return Scope.SOLUTION if plugin in subject.registry.catalogue.solutions else Scope.ADAPTER


def harmless(subject: Subject, plugin: str) -> Found:
    """It reaches for nothing by which it could do harm."""
    return _without(subject, plugin, Grade.BRONZE)


def repeatable(subject: Subject, plugin: str) -> Found:
    """Of a solution: the same events bring the same answers. Of an adapter: it stays within its process."""
    return _without(subject, plugin, Grade.SILVER)


def _without(subject: Subject, plugin: str, grade: Grade) -> Found:
    entry, forbidden = entry_of(subject, plugin), FORBIDDEN[scope_of(subject, plugin), grade]
    found = []
    for module in Code(entry.package).reached(entry.path):
        if module.tree is None and grade is Grade.BRONZE:
            place = str(entry.package.root / module.file)
            found.append(Finding("SL-CHK-82", {"file": module.file, "reason": module.fault}, path=plugin, file=place, line=module.line))
        found += [_reach(subject, plugin, one) for one in reaches(module) if one.use in forbidden]
    return Found(tuple(found))


def _reach(subject: Subject, plugin: str, one: Reach) -> Finding:
    args = {"id": plugin, "name": one.name, "what": WORDS[one.use]}
    code = "SL-CHK-65" if one.use not in FORBIDDEN[Scope.SOLUTION, Grade.SILVER] else "SL-CHK-66"
    return Finding(code, args, path=plugin, file=str(subject.package.root / one.file), line=one.line)


def readable(subject: Subject, _: str) -> Found:
    """A reviewer can read all that runs: no compiled file stands in the package."""
    if subject.package.name == BUILT_IN:
        return Found(beside={"en": "storeloom itself is built in", "zh": "storeloom 本身为内置"})
    files = [file for file in package_files(subject.package.root) if file.endswith(COMPILED)]
    return Found(tuple(Finding("SL-CHK-69", {"file": file}, file=str(subject.package.root / file)) for file in files))


def public(subject: Subject, plugin: str) -> Found:
    """It builds upon what storeloom promises to keep, not upon its insides."""
    entry, allowed = entry_of(subject, plugin), PUBLIC[scope_of(subject, plugin)]
    found = []
    for module in Code(entry.package).reached(entry.path):
        for node in imports(module.tree) if module.tree else ():
            for name in _imported(node):
                if name.split(".")[0] == BUILT_IN and not any(name == one or name.startswith(f"{one}.") for one in allowed):
                    args = {"id": plugin, "name": name, "allowed": [f"{one}" for one in allowed]}
                    found.append(Finding("SL-CHK-84", args, path=plugin, file=str(entry.package.root / module.file), line=node.lineno))
    return Found(tuple(found))


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """What an import takes; what `storeloom.core` itself exports counts as the kernel's."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level or not node.module:
        return []
    if node.module == f"{BUILT_IN}.core":
        return [f"{BUILT_IN}.core.kernel.{alias.name}" for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


class _Touched:
    """What a plugin's code puts out, reads and commands, by the names that stand in it; `open` names of a kind cannot be told."""

    def __init__(self, modules: list[Module]) -> None:
        self.found: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        self.open: set[str] = set()
        for module in modules:
            for node in ast.walk(module.tree) if module.tree else ():
                self._see(module, node)

    def _see(self, module: Module, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            name = module.dotted(node.func).rpartition(".")[2]
            if name in ("out", "Out"):
                self._named("streams", module, node, node.args[0] if node.args else None)
            elif name == "on_table":
                for one in node.args:
                    self._named("tables", module, node, one)
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _is(node.func.value, "devices"):
                self._named("devices", module, node, node.args[0] if node.args else None)
        elif isinstance(node, ast.Subscript) and _is(node.value, "devices"):
            self._named("devices", module, node, node.slice)
        elif isinstance(node, ast.Attribute) and _is(node.value, "tables"):
            self.found["tables"].setdefault(node.attr, (module.file, node.lineno))

    def _named(self, kind: str, module: Module, node: ast.Call | ast.Subscript, value: ast.expr | None) -> None:
        """Note a name that is a text, a constant of the module, or one of two of these; another is open."""
        for one in [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]:
            text = module.texts.get(one.id) if isinstance(one, ast.Name) else one.value if isinstance(one, ast.Constant) else None
            if isinstance(text, str):
                self.found[kind].setdefault(text, (module.file, node.lineno))
            else:
                self.open.add(kind)


def _is(node: ast.expr, name: str) -> bool:
    """`self.tables` or `self.context.tables`."""
    return isinstance(node, ast.Attribute) and node.attr == name


def _bare(modules: list[Module], name: str) -> bool:
    """Whether `self.NAME` is handed on as a whole, or looked into by a name that is no text."""
    for module in modules:
        owners = (
            {id(node.value) for node in ast.walk(module.tree) if isinstance(node, (ast.Attribute, ast.Subscript))} if module.tree else set()
        )
        for node in ast.walk(module.tree) if module.tree else ():
            if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load) and id(node) not in owners:
                return True
    return False


_SAYS = {
    "streams": {"en": "puts out", "zh": "发布"},
    "tables": {"en": "reads the table", "zh": "读取数据表"},
    "devices": {"en": "looks for devices of the kind", "zh": "查找设备类别"},
}
_DECLARED = {"streams": "produces", "tables": "reads", "devices": "adapters"}


def declared(subject: Subject, plugin: str) -> Found:
    """Each stream, table and kind of device that its module names is one that it declares."""
    entry = subject.registry.catalogue.solutions[plugin]
    touched, found = _Touched([Code(entry.package).module(entry.path)]), []
    for kind, names in touched.found.items():
        known = _known(entry, kind)
        for name, (file, line) in names.items():
            if name not in known:
                args = {"id": plugin, "does": _SAYS[kind], "name": name, "key": _DECLARED[kind]}
                found.append(Finding("SL-CHK-67", args, path=plugin, file=str(entry.package.root / file), line=line))
    return Found(tuple(found))


def needed(subject: Subject, plugin: str) -> Found:
    """It declares no stream and no table that its code never uses: a permission that is not needed is not asked for."""
    entry = subject.registry.catalogue.solutions[plugin]
    modules = Code(entry.package).reached(entry.path)
    touched, found = _Touched(modules), []
    for kind in ("streams", "tables"):
        if kind in touched.open or (kind == "tables" and _bare(modules, "tables")):
            continue
        for name in entry[_DECLARED[kind]]:
            if name.rstrip("?") not in touched.found[kind]:
                args = {"id": plugin, "name": name.rstrip("?"), "key": _DECLARED[kind]}
                found.append(Finding("SL-CHK-68", args, path=plugin, file=str(entry.file)))
    return Found(tuple(found))


def _known(entry: Entry, kind: str) -> set[str]:
    return {one for spec in entry[_DECLARED[kind]] for one in str(spec).rstrip("?").split("|")}


def told(subject: Subject, plugin: str) -> Found:
    """The permissions in plain words."""
    entry, scope = entry_of(subject, plugin), scope_of(subject, plugin)
    found = [*_of_solution(entry)] if scope is Scope.SOLUTION else [*_of_adapter(entry)]
    secrets = [key for key, facts in _settings(entry) if facts.get("x-widget") == "secret"]
    found += [("SL-CHK-75", {"names": secrets})] if secrets else []
    uses: dict[Use, list[str]] = defaultdict(list)
    for module in Code(entry.package).reached(entry.path):
        for one in reaches(module):
            uses[one.use].append(f"{one.file}:{one.line} {one.name}")
    found += [("SL-CHK-76", {"what": WORDS[use], "places": uses[use]}) for use in TOLD if uses[use]]
    return Found(tuple(Finding(code, args, path=plugin) for code, args in found))


def _of_solution(entry: Entry) -> Iterator[tuple[str, dict[str, object]]]:
    produces = list(entry["produces"])
    commands = [name for name in produces if schemas.streams().get(name)]
    for code, names in (
        ("SL-CHK-70", [name for name in produces if name not in commands]),
        ("SL-CHK-71", [name.rstrip("?") for name in entry["consumes"]]),
        ("SL-CHK-72", [name.rstrip("?") for name in entry["reads"]]),
        ("SL-CHK-73", [kind for spec in entry["adapters"] for kind in spec.rstrip("?").split("|")]),
        ("SL-CHK-74", commands),
    ):
        if names:
            yield code, {"names": names}


def _of_adapter(entry: Entry) -> Iterator[tuple[str, dict[str, object]]]:
    yield "SL-CHK-73", {"names": [entry["kind"]]}
    if entry["feeds"]:
        yield "SL-CHK-70", {"names": list(entry["feeds"])}
    if entry["takes"]:
        yield "SL-CHK-77", {"names": list(entry["takes"])}


def _settings(entry: Entry) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every setting of its config, at any depth."""
    whole = schemas.load(entry.schema_file) if entry.schema_file.is_file() else {}
    for owner in (whole, *whole.get("$defs", {}).values()):
        yield from owner.get("properties", {}).items()


def _rules(name: str, grade: Grade, words: tuple[str, str, str, str], look: object, *scopes: Scope) -> Iterator[Rule]:
    for scope in scopes:
        tail = "" if len(scopes) == 1 else f"_{scope.value}"
        yield Rule(f"permitted.{name}{tail}", grade, scope, *words, look)  # type: ignore[arg-type]


_BOTH = (Scope.SOLUTION, Scope.ADAPTER)
_HARMLESS = (
    "Its code reaches for nothing that could do harm",
    "代码不触及可能造成危害的能力",
    "A solution lives on events, tables and devices that it declares; a store shuts it in, and what reaches out fails there.",
    "方案只依赖所声明的事件、数据表与设备；门店将其隔离运行，越界者必然失败。",
)
_REPEATABLE = (
    "It stays within its process, and a solution within its events",
    "不越出自身进程，方案只依赖事件",
    "What depends on the wall clock, chance or threads cannot be replayed, tried or moved to another machine.",
    "依赖系统时钟、随机数或线程的代码无法回放、试跑或迁移。",
)
_READABLE = (
    "No compiled file stands in the package",
    "软件包中没有编译文件",
    "A reviewer must be able to read what runs.",
    "审核者须能读到所运行的代码。",
)
_PUBLIC = (
    "It builds upon storeloom's public modules",
    "仅使用 storeloom 的公开模块",
    "The insides change without notice.",
    "内部实现可能随时改变。",
)
_DECLARES = (
    "Streams, tables and devices that its code names are declared",
    "代码所用的数据流、数据表与设备均已声明",
    "The kernel refuses anything else, in the store.",
    "未声明者会在门店被内核拒绝。",
)
_NEEDED = (
    "It declares no stream or table that it never uses",
    "没有声明而未使用的数据流或数据表",
    "Composing wires and asks for what is declared; a permission that is not needed is not asked for.",
    "组合按声明连线并索取权限；不需要的权限不应声明。",
)
_TOLD = (
    "Its permissions are listed for the chain's reviewer",
    "已列出供连锁审核的权限",
    "The chain grants them by taking the package up.",
    "连锁采用该软件包即授予这些权限。",
)
RULES: tuple[Rule, ...] = (
    *_rules("harmless", Grade.BRONZE, _HARMLESS, harmless, *_BOTH),
    *_rules("declared", Grade.BRONZE, _DECLARES, declared, Scope.SOLUTION),
    *_rules("told", Grade.BRONZE, _TOLD, told, *_BOTH),
    *_rules("readable", Grade.BRONZE, _READABLE, readable, Scope.PACKAGE),
    *_rules("repeatable", Grade.SILVER, _REPEATABLE, repeatable, *_BOTH),
    *_rules("needed", Grade.SILVER, _NEEDED, needed, Scope.SOLUTION),
    *_rules("public", Grade.SILVER, _PUBLIC, public, *_BOTH),
)
