"""What storeloom promises to those who build upon it changes only when it is announced; what is deprecated warns, and goes in time."""

import ast
import inspect
import subprocess
import sys
import warnings

import pytest

import storeloom.core
import storeloom.hardware_adapters.links
from storeloom.core import __version__, compose, deprecation
from storeloom.core.kernel.registry import ROOT
from storeloom.core.surface import comparing
from storeloom.core.surface.reading import surface

HOW = "Run storeloom surface: it names what changed and what to do (docs/stability.md)."


@pytest.fixture(scope="module")
def promises():
    return surface()


def test_nothing_of_the_surface_changed_unannounced(promises):
    before, promised = comparing.read_snapshot()
    found = comparing.differences(promised, promises)
    told = comparing.problems(found, comparing.CHANGELOG.read_text(encoding="utf-8"), before, __version__)
    assert not told, "\n".join([*(one.render() for one in told), HOW])


def test_what_is_deprecated_is_gone_in_time():
    assert not comparing.overdue(__version__), HOW


@pytest.mark.parametrize("module", [storeloom.core, storeloom.hardware_adapters.links], ids=lambda module: module.__name__)
def test_a_module_exports_what_a_type_checker_sees(module):
    tree = ast.parse(inspect.getsource(module))
    seen = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("storeloom") and node.col_offset]
    assert {alias.name for node in seen for alias in node.names} | {"__version__"} >= set(module.__all__)
    for node in seen:
        for alias in node.names:
            assert getattr(module, alias.name) is getattr(sys.modules[node.module], alias.name)
    assert module.__all__ == sorted(module.__all__) and set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError):
        module.nothing  # noqa: B018


def test_the_surface_costs_the_command_line_nothing():
    code = "import sys, storeloom.core.cli; print([name for name in sys.modules if name in ('pydantic', 'pluggy', 'orjson')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OLD = {
    "python storeloom.core.kpi": "gives Kpi",
    "python storeloom.core.kpi(unit)": "0 str",
    "command try": "command",
    "command try --seed": "value",
    "code SL-CFG-01": "error",
    "stream pos.sale": "object",
    "stream pos.sale.lines": "array required",
    "stream pos.sale.kind": "string",
}
CASES = (
    ("a new optional argument", {"python storeloom.core.kpi(more)": "keyword str = ''"}, False, "`kpi` takes more"),
    ("a new required argument", {"python storeloom.core.kpi(more)": "1 str"}, True, "`kpi`"),
    ("another type", {"python storeloom.core.kpi(unit)": "0 int"}, True, "`kpi`"),
    ("a function gone", {"python storeloom.core.kpi": None}, True, "`kpi`"),
    ("a new option", {"command try --days": "value"}, False, "`storeloom try --days`"),
    ("a new required option", {"command try --days": "value required"}, True, "`--days`"),
    (
        "a new command with a required argument",
        {"command look": "command", "command look file": "value required"},
        False,
        "`storeloom look`",
    ),
    ("a new code", {"code SL-NEW-01": "error"}, False, "findings SL-NEW"),
    ("another severity", {"code SL-CFG-01": "warning"}, True, "SL-CFG-01"),
    ("a new optional field", {"stream pos.sale.tip": "integer"}, False, "`pos.sale` has a tip"),
    ("a new required field", {"stream pos.sale.tip": "integer required"}, True, "`pos.sale.tip`"),
    ("a new stream", {"stream pos.tip": "object", "stream pos.tip.sum": "integer required"}, False, "`pos.tip`"),
    ("a field of fewer values", {"stream pos.sale.kind": None}, True, "`pos.sale.kind`"),
)


@pytest.mark.parametrize(("change", "breaks", "line"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_is_told_apart_and_wants_its_line_and_version(change, breaks, line):
    new = {name: value for name, value in {**OLD, **change}.items() if value is not None}
    found = comparing.differences(OLD, new)
    assert found and any(one.breaks for one in found) is breaks
    silent = "## [Unreleased]\n\n## [1.4.0] - 2026-01-01\n\n- " + line
    said = f"## [Unreleased]\n\n### Added\n\n- {line}.\n\n## [1.4.0] - 2026-01-01\n"

    def codes(changelog, version):
        return {one.code for one in comparing.problems(found, changelog, "1.4.0", version)}

    assert codes(silent, "1.5.0") == {"SL-PUB-20"} | ({"SL-PUB-21"} if breaks else set())
    assert codes(said, "1.5.0") == ({"SL-PUB-21"} if breaks else set())
    assert codes(said, "2.0.0") == set()
    assert comparing.wanted_version("0.4.2") == "0.5.0"


def test_what_is_deprecated_warns_for_two_minor_versions(monkeypatch):
    told = tuple(
        deprecation.Deprecation(what, "0.3.1", "another")
        for what in ("storeloom.core.kpi", "storeloom.core.old", "storeloom.core.compose(file)")
    )
    monkeypatch.setattr(deprecation, "DEPRECATED", told)
    vars(storeloom.core).pop("kpi", None)
    words = "storeloom.core.{} is deprecated since 0.3.1 and may be gone in 0.5.0; use another"
    with pytest.warns(deprecation.SurfaceWarning) as seen:
        for _ in range(2):
            storeloom.core.kpi  # noqa: B018

        @deprecation.deprecated("storeloom.core.old")
        def old(count):
            return count + 1

        @deprecation.renamed_argument("storeloom.core.compose(file)", "file", "path")
        def opened(path):
            return path

        assert (old(1), opened(file="a"), opened("b")) == (2, "a", "b")
        with pytest.raises(TypeError):
            opened(file="a", path="b")
    assert [str(one.message) for one in seen] == [words.format(name) for name in ("kpi", "kpi", "old", "compose(file)", "compose(file)")]
    assert {one.filename for one in seen} == {__file__} and issubclass(deprecation.SurfaceWarning, DeprecationWarning)
    assert [deprecation.overdue(version) for version in ("0.4.9", "0.5.0")] == [[], list(told)]
    assert [one.code for one in comparing.overdue("1.0.0")] == 3 * ["SL-PUB-22"]
    monkeypatch.setattr(deprecation, "DEPRECATED", ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert storeloom.core.kpi("count", "a", "b").unit == "count"
    with pytest.raises(LookupError):
        old(1)


GOING = '''"""A toy."""

from storeloom.core import Solution, SolutionConfig, on, out, setting


class Toy(Solution):
    zh, en = "玩具", "Toy"
    purpose_zh = "玩具"
    formats = ("supermarket",)
    produces = ("alert.raise",)
    adapters = ("pos",)
    kinds = {"hot": ("Hot", "过热")}

    class Config(SolutionConfig):
        limit_c: float = setting(5.0, "Limit", "上限")
        old_c: float = setting(5.0, "Limit", "上限", since="1.2.0", use="limit_c")

    @on("pos.sale")
    def ring(self, event):
        return out("alert.raise", alert=event["receipt"], kind="hot", severity="info", state="open", text=str(self.config.limit_c))
'''


def test_a_setting_that_goes_is_told_where_it_is_set(toys, bundle):
    toys.add("toy", "", source=GOING)
    registry = toys.registry()
    quiet = compose(bundle("[solutions.toy]\n", devices={"till-1": "pos"}), registry)
    assert "SL-CFG-10" not in {one.code for one in quiet.findings} and quiet.plan is not None
    told = compose(bundle("[solutions.toy]\nconfig = { old_c = 3 }\n", devices={"till-1": "pos"}), registry)
    found = [one for one in told.findings if one.code == "SL-CFG-10"]
    assert [(one.path, one.args["use"], one.line is not None) for one in found] == [("solutions.toy.config.old_c", "limit_c", True)]
    assert told.plan is not None, "it goes on working"


def test_every_sub_package_says_that_it_is_typed():
    assert all((ROOT / part / "py.typed").is_file() for part in ("core", "plugins", "schemas", "studio", "workers", "hardware_adapters"))
