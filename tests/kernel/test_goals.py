"""Goals: the committed ones name what there is, and what is recommended says why."""

from pathlib import Path

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import DocumentFault
from storeloom.core.kernel.goals import GOALS, Goal, Serving, goal_findings, read_goals, recommend
from storeloom.core.kernel.registry import BUILT_IN, Catalogue, Entry, Package, read_catalogue
from storeloom.core.kernel.sources import open_document

PACKAGE = Package(BUILT_IN, Path("."))


def entry(name: str, *, formats: tuple[str, ...] = ("supermarket",), enabled: bool = True, **facts: object) -> Entry:
    plain = {"formats": formats, "consumes": [], "produces": [], "adapters": [], "kpis": {"k": {}}, **facts}
    return Entry(name, PACKAGE, f"{name}.py", plain, enabled=enabled)


def catalogue(*entries: Entry) -> Catalogue:
    kinds = {"pos": {"feeds": ["pos.sale"]}, "camera": {"feeds": ["camera.frame"]}}
    return Catalogue(solutions={one.id: one for one in entries}, adapter_kinds=kinds)


def goal(*solutions: str) -> Goal:
    return Goal("g", "目标", "Goal", tuple(Serving(one, "k", "lower") for one in solutions))


def test_every_solution_figure_and_scenario_that_the_goals_name_is_there() -> None:
    assert goal_findings(open_document(GOALS, "goals/1"), read_catalogue()) == []
    assert {"cut_stockouts", "shorten_queues"} <= set(read_goals())


def test_every_goal_is_served_in_some_format() -> None:
    found = read_catalogue()
    for one in read_goals().values():
        assert any(recommend([one], name, found, ()) for name in ("supermarket", "convenience", "mall", "specialty")), one.id


def test_what_is_not_there_is_named_with_its_line() -> None:
    body = {"solutions": [{"solution": "smart_crat", "kpi": "x", "better": "lower"}], "scenarios": ["nowhere"]}
    lines = {("goals", "g", "solutions"): 3, ("goals", "g", "scenarios"): 7}
    found = goal_findings(Document("g.toml", {"goals": {"g": body}}, lines), read_catalogue())
    assert [(one.path, one.line, one.args["id"]) for one in found] == [
        ("goals.g.solutions[0]", 3, "smart_crat"),
        ("goals.g.scenarios[0]", 7, "nowhere"),
    ]
    assert "smart_cart" in found[0].text("en") + found[0].fix("en")


def test_a_document_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "goals.toml"
    file.write_text('document = "goals/1"\n[goals.g]\nzh = "甲"\n', encoding="utf-8")
    with pytest.raises(DocumentFault) as fault:
        read_goals(file)
    assert {one.code for one in fault.value.findings} == {"SL-CFG-04"} and fault.value.findings[0].line == 2


def test_what_serves_stands_in_the_goals_order_and_what_does_not_fit_is_left_out() -> None:
    known = catalogue(entry("b"), entry("a"), entry("off", enabled=False), entry("other", formats=("mall",)))
    found = recommend([goal("b", "off", "gone", "other", "a")], "supermarket", known, ())
    assert [one.solution for one in found] == ["b", "a"] and found[0].serves == (("g", Serving("b", "k", "lower")),)


def test_a_needed_stream_without_a_source_brings_one_in_and_that_ones_too() -> None:
    known = catalogue(
        entry("order", consumes=["forecast.demand", "pos.sale", "maybe?"]),
        entry("forecast", produces=["forecast.demand"], consumes=["stock"]),
        entry("count", produces=["stock"]),
        entry("guess", produces=["maybe"]),
    )
    found = recommend([goal("order")], "supermarket", known, {"pos"})
    assert [(one.solution, one.feeds) for one in found] == [
        ("order", ()),
        ("forecast", (("forecast.demand", "order"),)),
        ("count", (("stock", "forecast"),)),
    ]


def test_devices_that_the_store_lacks_are_named() -> None:
    known = catalogue(entry("gap", adapters=["camera|robot", "pos", "scale?"]))
    (found,) = recommend([goal("gap")], "supermarket", known, {"pos"})
    assert found.lacks == ("camera / robot",)
    assert recommend([goal("gap")], "supermarket", known, {"pos", "robot"})[0].lacks == ()


def test_the_schema_takes_what_stands_in_the_file() -> None:
    assert schemas.check(schemas.SCHEMAS / "goals.json", open_document(GOALS).data) == []
