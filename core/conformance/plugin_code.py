"""A package's code as its syntax trees show it: modules, what they import, what a plugin reaches, what they name. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from storeloom.core.conformance.shipped import package_files
from storeloom.core.kernel.registry import BUILT_IN, Package

OWN_FOLDERS = ("plugins", "hardware_adapters")  # of storeloom itself: the rest of it is no plugin's
TESTS = ("tests", "test", "conftest.py")
_BASES = {"solution": {"Solution"}, "adapter": {"Adapter"}}
_MARKS = {"solution": {"formats", "produces"}, "adapter": {"kind", "feeds"}}
_WORDS = {"solution": {"what": "solution", "what_zh": "方案"}, "adapter": {"what": "adapter", "what_zh": "适配器"}}


@dataclass(frozen=True)
class Module:
    """One module of a package: its file, relative to the package's root, and its tree; None where it is no Python, `fault` says why."""

    file: str
    tree: ast.Module | None
    fault: str = ""
    line: int | None = None

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What the names that its imports bind stand for, whole: `path` -> `os.path`. Imports for types only do not count."""
        found: dict[str, str] = {}
        for node in imports(self.tree) if self.tree else ():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
            elif not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Its constants that are texts."""
        body = self.tree.body if self.tree else ()
        pairs = [(one.targets[0], one.value) for one in body if isinstance(one, ast.Assign) and len(one.targets) == 1]
        return {
            name.id: value.value
            for name, value in pairs
            if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str)
        }

    def dotted(self, node: ast.expr) -> str:
        """The whole name of an expression, as far as imports tell: `datetime.datetime.now`; a builtin by its own name, else empty."""
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return self.names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


class Code:
    """The modules of a package, each read when it is asked for."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._read: dict[str, Module] = {}

    def files(self) -> Iterator[str]:
        """Its Python files, tests left out."""
        roots = [self.package.root / name for name in OWN_FOLDERS] if self.package.name == BUILT_IN else [self.package.root]
        for root in roots:
            base = root.relative_to(self.package.root).as_posix()
            for file in package_files(root) if root.is_dir() else ():
                if file.endswith(".py") and not set(Path(file).parts) & set(TESTS) and not Path(file).name.startswith("test_"):
                    yield file if base == "." else f"{base}/{file}"

    def module(self, file: str) -> Module:
        """The module of a file; one that cannot be read as Python says why."""
        if file not in self._read:
            try:
                self._read[file] = Module(file, ast.parse((self.package.root / file).read_bytes()))
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self._read[file] = Module(file, None, f"{type(error).__name__}: {error}", getattr(error, "lineno", None))
        return self._read[file]

    def reached(self, file: str) -> list[Module]:
        """A plugin's module and those of its package that it imports, however deep, with the `__init__` files that run on the way."""
        found: dict[str, Module] = {}
        todo = [file]
        while todo:
            one = todo.pop(0)
            if one in found or not (self.package.root / one).is_file():
                continue
            found[one] = self.module(one)
            todo += [*_inits(one), *self._imported(found[one])]
        return list(found.values())

    def _imported(self, module: Module) -> Iterator[str]:
        """The files of the package that a module may import: of `from a import b`, both `a` and `a.b`."""
        here = [self.package.name, *Path(module.file).parts]
        for node in imports(module.tree) if module.tree else ():
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                stem = ".".join([*(here[: -node.level] if node.level else []), *([node.module] if node.module else [])])
                names = [stem, *(f"{stem}.{alias.name}" for alias in node.names)]
            for name in names:
                if name == self.package.name or name.startswith(f"{self.package.name}."):
                    place = name.removeprefix(self.package.name).lstrip(".").replace(".", "/")
                    for file in (f"{place}.py", f"{place}/__init__.py".lstrip("/")):
                        if self.package.name != BUILT_IN or file.startswith(OWN_FOLDERS):
                            yield file


def _inits(file: str) -> Iterator[str]:
    for folder in Path(file).parents:
        yield (folder / "__init__.py").as_posix()


def imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a module, anywhere in it, but those under `if TYPE_CHECKING`."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and _for_types(node.test):
            todo += node.orelse
        else:
            todo += ast.iter_child_nodes(node)


def _for_types(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


def declared_classes(package: Package) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Every class that declares a solution or an adapter: its file, its name, and in both languages which of the two it is."""
    code = Code(package)
    for file in code.files():
        module = code.module(file)
        for node in module.tree.body if module.tree else ():
            kind = _declares(module, node) if isinstance(node, ast.ClassDef) else None
            if kind is not None and isinstance(node, ast.ClassDef):
                yield file, node.name, _WORDS[kind]


def _declares(module: Module, node: ast.ClassDef) -> str | None:
    """Whether a class is whole enough to be listed: titled in both languages, with what marks its kind; a base for others is not."""
    given = {name.id for one in node.body for target in _targets(one) for name in ast.walk(target) if isinstance(name, ast.Name)}
    if not {"zh", "en"} <= given:
        return None
    bases = {module.dotted(base).rpartition(".")[2] for base in node.bases}
    return next((kind for kind, marks in _MARKS.items() if marks <= given and (bases & _BASES[kind] or bases)), None)


def _targets(node: ast.stmt) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
