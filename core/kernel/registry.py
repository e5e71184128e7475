"""The catalogue and the plugins behind it.

Reading the catalogue runs no plugin code: `plugins.toml` of each package says what is listed and what the operator set, the package's
`schemas/catalogue.json` says all else. A plugin module is imported when it is first loaded. The built-in plugins and those of vendors'
packages (entry-point group `storeloom.plugins`, whose value names the package) go through one path.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.errors import Finding, PluginFault

if TYPE_CHECKING:
    from storeloom.core.kernel.contract import Problem, Solution

GROUP = "storeloom.plugins"
BUILT_IN = "storeloom"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution that brings plugins: its import name, and the folder that holds plugins.toml, schemas/ and the modules.

    `static`: its plugins are known by these files, as they will run elsewhere; none of its code is ever run here.
    """

    name: str
    root: Path
    static: bool = False

    @property
    def listing(self) -> Path:
        return self.root / "plugins.toml"

    @property
    def index(self) -> Path:
        return self.root / "schemas" / "catalogue.json"

    @property
    def models(self) -> Path:
        """The folder of a vendor's vision models, each a folder of its own with its card; it need not be there."""
        return self.root / "models"

    @property
    def episodes(self) -> Path:
        """The folder of the episodes, one for each solution: part of the package, so that they are there where it is installed."""
        return self.root / "tests" / "episodes"

    def module_of(self, path: str) -> str:
        return ".".join([self.name, *Path(path).with_suffix("").parts])


@dataclass(frozen=True, slots=True)
class Entry:
    """One solution or adapter as the static index knows it (`facts`), with what the operator set for it."""

    id: str
    package: Package
    path: str
    facts: Mapping[str, Any]
    enabled: bool = True
    isolation: str = "shared"
    pin: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]

    @property
    def file(self) -> Path:
        return self.package.root / self.path

    def author_words(self) -> str:
        """The docstring of its module, whole; no code is run. OSError, SyntaxError or ValueError where it cannot be read."""
        import ast

        return ast.get_docstring(ast.parse(self.file.read_text(encoding="utf-8"))) or ""

    @property
    def schema_file(self) -> Path:
        return self.package.root / str(self.facts["schema"])

    def as_dict(self) -> dict[str, Any]:
        operator = {"enabled": self.enabled, "isolation": self.isolation, "pin": self.pin, "package": self.package.name}
        return {"id": self.id, **self.facts, **operator}


@dataclass
class Catalogue:
    """All solutions, adapters and scenarios that are installed, and what is wrong with those that cannot be used.

    `absent` says of a solution or adapter that is not among them why that is so, where more is known than that there is none.
    """

    scenarios: dict[str, dict[str, Any]] = field(default_factory=dict)
    solutions: dict[str, Entry] = field(default_factory=dict)
    adapters: dict[str, Entry] = field(default_factory=dict)
    adapter_kinds: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    absent: dict[str, Finding] = field(default_factory=dict)

    def solution(self, solution_id: str) -> Entry:
        """The entry of a solution; PluginFault with the nearest ids when there is none, or when it is switched off."""
        entry = self.solutions.get(solution_id)
        if entry is None:
            raise PluginFault(self.absent.get(solution_id) or unknown("solution", "方案", solution_id, self.solutions))
        if not entry.enabled:
            raise PluginFault(Finding("SL-PLG-09", {"id": solution_id, "listing": str(entry.package.listing)}))
        return entry

    def providers(self, stream: str) -> tuple[list[str], list[str]]:
        """The solutions that produce a stream, those whose main output it is first, and the adapter kinds whose devices feed it."""
        solutions = [s.id for s in self.solutions.values() if s.enabled and stream in s.facts["produces"]]
        solutions.sort(key=lambda name: self.solutions[name].facts["produces"].index(stream))
        kinds = [kind for kind, facts in self.adapter_kinds.items() if stream in facts["feeds"]]
        return solutions, kinds


def nearest(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str | None:
    """The known word that a reader most likely meant, None when none is near."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def hint(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> dict[str, str]:
    """The `did you mean` arguments of a message."""
    close = nearest(word, known)
    return {"hint_en": f" Did you mean '{close}'?" if close else "", "hint_zh": f"是否想写“{close}”？" if close else ""}


def unknown(what: str, what_zh: str, word: str, known: Mapping[str, Any]) -> Finding:
    """The finding for an id that is not among the known ones; the few of an adapter or instance are listed."""
    words = {"known_en": "List what there is: storeloom catalogue.", "known_zh": "可用 storeloom catalogue 查看全部。"}
    if what not in ("solution", "scenario"):
        words = {"known_en": f"Known: {', '.join(known)}.", "known_zh": f"可用：{'、'.join(known)}。"}
    return Finding("SL-PLG-01", {"what": what, "what_zh": what_zh, "id": word, **hint(word, known), **words})


def packages() -> Iterator[Package]:
    """The built-in package, then those that announce themselves by entry point, in order of `sys.path` and name."""
    yield Package(BUILT_IN, ROOT)
    for name in sorted(set(_announced())):
        folder = _package_folder(name)
        yield Package(name, folder if folder else Path(name))


def _announced() -> Iterator[str]:
    """Import names under the entry-point group; reads only the metadata files that name it (importlib.metadata would cost 100 ms)."""
    for place in sys.path:
        try:
            with os.scandir(place or ".") as found:
                infos = [entry.path for entry in found if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for info in infos:
            try:
                with open(os.path.join(info, "entry_points.txt"), encoding="utf-8") as file:
                    text = file.read()
            except OSError:
                continue
            if GROUP in text:
                yield from _group(text)


def _group(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line:
            yield line.split("=", 1)[1].strip()


def _package_folder(name: str) -> Path | None:
    """The folder of an installed package, found without importing it, and whatever was imported under its name."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None)
        except (ImportError, ValueError):
            continue
        if spec is not None:
            return Path(next(iter(spec.submodule_search_locations))) if spec.submodule_search_locations else None
    return None


def read_catalogue(only: list[Package] | None = None, *, over: Catalogue | None = None) -> Catalogue:
    """The catalogue of all installed packages. What is broken in one package is a finding and takes nothing else down.

    `over`: a catalogue that they come on top of, which stays as it is.
    """
    catalogue = Catalogue() if over is None else Catalogue(*(copy(getattr(over, part.name)) for part in fields(over)))
    for package in only if only is not None else packages():
        try:
            listing = read_listing(package)
            index = read_index(package)
        except PluginFault as fault:
            catalogue.findings += fault.findings
            continue
        _add_package(catalogue, package, listing, index)
    return catalogue


def read_listing(package: Package) -> dict[str, Any]:
    import tomllib

    try:
        with open(package.listing, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        reason = f"{package.listing}: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = f"{package.listing}: {error}"
    raise PluginFault(Finding("SL-PLG-06", {"package": package.name, "reason": reason}, file=str(package.listing)))


def read_index(package: Package) -> dict[str, Any]:
    """A package's static index. PluginFault (SL-PLG-06) where there is none that can be read."""
    try:
        with open(package.index, "rb") as file:
            index = json.load(file)
        if isinstance(index, dict) and isinstance(index.get("solutions"), dict) and isinstance(index.get("adapters"), dict):
            return index
        reason = f"{package.index}: not a catalogue"
    except OSError as error:
        reason = f"{package.index}: {error.strerror}; run storeloom index"
    except ValueError as error:
        reason = f"{package.index}: {error}"
    raise PluginFault(Finding("SL-PLG-06", {"package": package.name, "reason": reason}, file=str(package.index)))


def listed(listing: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """The lines of a plugins.toml: group ("solutions" or "adapters"), scenario or adapter kind, id, and its settings with `path`."""
    sections = [("solutions", name, body.get("solutions", {})) for name, body in listing.get("scenario", {}).items()]
    sections += [("adapters", kind, body) for kind, body in listing.get("adapters", {}).items()]
    for group, section, lines in sections:
        for plugin_id, value in lines.items():
            yield group, section, plugin_id, {"path": value} if isinstance(value, str) else dict(value)


def _add_package(catalogue: Catalogue, package: Package, listing: Mapping[str, Any], index: Mapping[str, Any]) -> None:
    for name, body in listing.get("scenario", {}).items():
        facts = {key: value for key, value in body.items() if key != "solutions"}
        if facts:
            catalogue.scenarios.setdefault(name, facts)
    for kind, facts in index.get("adapter_kinds", {}).items():
        catalogue.adapter_kinds.setdefault(kind, facts)
    for group, _section, plugin_id, settings in listed(listing):
        known: dict[str, Entry] = getattr(catalogue, group)
        if plugin_id in known:
            args = {"id": plugin_id, "package": package.name, "other": f"{known[plugin_id].package.name} ({known[plugin_id].file})"}
            catalogue.findings.append(_in_listing("SL-PLG-05", args, package, plugin_id))
            continue
        facts = index[group].get(plugin_id)
        if facts is None or facts.get("path") != settings["path"]:
            args = {"id": plugin_id, "listing": str(package.listing), "index": str(package.index)}
            catalogue.findings.append(_in_listing("SL-PLG-04", args, package, plugin_id))
            continue
        known[plugin_id] = Entry(
            plugin_id,
            package,
            settings["path"],
            facts,
            enabled=settings.get("enabled", True),
            isolation=settings.get("isolation", "shared" if package.name == BUILT_IN else "process"),
            pin=settings.get("pin"),
            limits=settings.get("limits", {}),
        )


def _in_listing(code: str, args: Mapping[str, Any], package: Package, plugin_id: str) -> Finding:
    return Finding(code, args, path=plugin_id, file=str(package.listing), line=_line(package.listing, plugin_id))


def _line(file: Path, plugin_id: str) -> int | None:
    """The line of a plugin in its listing; only looked up for a finding."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((number for number, line in enumerate(lines, 1) if line.split("=")[0].strip().strip('"') == plugin_id), None)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded solution: its entry, module and class."""

    entry: Entry
    module: ModuleType
    cls: type[Solution]
    hook: Any


class Registry:
    """Loads plugins on first use and calls their hooks, each on its own.

    `anew`: a module that is imported already is read from its file again, beside the old one, which those that run go on with.
    """

    def __init__(self, catalogue: Catalogue | None = None, *, anew: bool = False) -> None:
        self._anew = anew
        self.catalogue = catalogue if catalogue is not None else read_catalogue()
        self._loaded: dict[str, Plugin] = {}

    def load(self, solution_id: str) -> Plugin:
        """The plugin of an id. PluginFault names the file and line of what is wrong with it."""
        if solution_id not in self._loaded:
            entry = self.catalogue.solution(solution_id)
            if self._anew:
                sys.modules.pop(entry.package.module_of(entry.path), None)
            module = import_plugin(entry.id, entry.package, entry.path)
            cls, hook = solution_class(entry.id, entry.file, module)
            self._loaded[solution_id] = Plugin(entry, module, cls, hook)
        return self._loaded[solution_id]

    def config_problems(self, solution_id: str, config: Mapping[str, Any], store: Mapping[str, Any]) -> list[Problem]:
        """What the plugin's own cross-field check says of a config that fits its schema; nothing where its code is not run here."""
        entry = self.catalogue.solution(solution_id)
        if entry.package.static or "storeloom_config_problems" not in entry.facts.get("hooks", ()):
            return []
        answers = self._hook(solution_id, "storeloom_config_problems", config=config, store=store)
        return [problem for answer in answers for problem in answer]

    def migrate_config(self, solution_id: str, config: Mapping[str, Any], version: str) -> dict[str, Any]:
        """A config of an older version of the solution, brought to the installed one."""
        moved = self._hook(solution_id, "storeloom_migrate_config", config=config, version=version)
        return dict(config if moved is None else moved)

    def sample_episode(self, solution_id: str) -> Path | None:
        """The episode that shows the solution at work."""
        given = self._hook(solution_id, "storeloom_sample_episode")
        if given is not None:
            return Path(given)
        folder = self.catalogue.solution(solution_id).package.episodes / solution_id
        return next(iter(sorted(folder.glob("*.yaml"))), None)

    def trial_config(self, solution_id: str, tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """Settings to try a solution alone with; empty where its defaults show it."""
        return dict(self._hook(solution_id, "storeloom_trial_config", tables=tables) or {})

    def _hook(self, solution_id: str, name: str, **arguments: Any) -> Any:
        return call_hook(self.load(solution_id), name, **arguments)


def call_hook(plugin: Plugin, name: str, **arguments: Any) -> Any:
    """What a plugin's hook answers. PluginFault with file and line when it raises."""
    try:
        return getattr(plugin.hook, name)(**arguments)
    except Exception as error:
        found = broken(plugin.entry.id, plugin.entry.file, error)
        args = {"id": plugin.entry.id, "reason": f"{name} raised {found.args['reason']}", "remedy": "Mend that line of the hook."}
        raise PluginFault(Finding("SL-PLG-03", args, file=found.file, line=found.line)) from error


def import_plugin(plugin_id: str, package: Package, path: str) -> ModuleType:
    """Import a plugin's module from its package's root; whatever it raises becomes a PluginFault with file and line."""
    try:
        if package.static:
            raise ImportError(f"of {package.name} only the catalogue is here, its code is not run")
        if package.name != BUILT_IN:
            _import_package(package)
        return importlib.import_module(package.module_of(path))
    except BaseException as error:  # a module may raise SystemExit, and must take nothing else down
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginFault(broken(plugin_id, package.root / path, error)) from error


def _import_package(package: Package) -> None:
    """Import a vendor's package from its root, which need not be where the search finds it.

    Modules of the package that came from another root are forgotten; who uses them goes on with them.
    """
    loaded = sys.modules.get(package.name)
    if loaded is not None and [Path(place) for place in getattr(loaded, "__path__", ())][:1] == [package.root]:
        return
    for name in [name for name in sys.modules if name.split(".")[0] == package.name]:
        del sys.modules[name]
    if _package_folder(package.name) == package.root:
        return
    spec = importlib.util.spec_from_file_location(
        package.name, package.root / "__init__.py", submodule_search_locations=[str(package.root)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[package.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def broken(plugin_id: str, file: Path, error: BaseException) -> Finding:
    """The finding for what a plugin raised: the line is the last one in the plugin's own file."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename) == file:
            line = frame.lineno
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    return Finding("SL-PLG-02", {"id": plugin_id, "reason": reason}, file=str(file), line=line)


def solution_class(plugin_id: str, file: Path, module: ModuleType) -> tuple[type[Solution], Any]:
    """The class of a solution module, by the hook `storeloom_solution`, and the caller of the module's hooks."""
    import pluggy

    from storeloom.core.kernel import hooks

    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks.Specs)
    manager.register(hooks.Defaults())
    try:
        manager.register(module, name=plugin_id)
        manager.check_pending()
        found = manager.hook.storeloom_solution(module=module)
    except Exception as error:
        raise PluginFault(broken(plugin_id, file, error)) from error
    if found is None:
        args = {"id": plugin_id, "reason": "it defines no or several subclasses of Solution", "remedy": "Define exactly one."}
        raise PluginFault(Finding("SL-PLG-03", args, file=str(file)))
    return found, manager.hook
