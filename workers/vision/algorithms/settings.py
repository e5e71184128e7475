"""Settings of algorithms: frozen dataclasses whose fields carry their JSON Schema, checked as a whole before an algorithm is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.errors import GeometryError, VisionError
from storeloom.workers.vision.floorplan import FloorPlan, fit, shoelace

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Polygon = tuple[Point, ...]
Pair = tuple[Point, Point]
WHOLE: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
PAIR: Mapping[str, Any] = {"type": "array", "minItems": 2, "maxItems": 2}
LEAST_AREA = 1e-4
S = TypeVar("S")


class AlgorithmError(VisionError):
    """An algorithm is unknown, or its settings are not of the form that it declares."""


def plain(value: Any) -> Any:
    """Lists for tuples, down to the leaves: JSON."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def number(default: float, en: str, zh: str, unit: str = "", *, least: float = 0.0, most: float = 86400.0) -> Any:
    return _option(default, en, zh, {"type": "number", "minimum": least, "maximum": most}, unit)


def count(default: int, en: str, zh: str, *, least: int = 1, most: int = 1000) -> Any:
    return _option(default, en, zh, {"type": "integer", "minimum": least, "maximum": most})


def text(default: str, en: str, zh: str, *, secret: bool = False, least: int = 1) -> Any:
    return _option(default, en, zh, {"type": "string", "minLength": least} | ({"x-widget": "secret"} if secret else {}))


def flag(default: bool, en: str, zh: str) -> Any:
    return _option(default, en, zh, {"type": "boolean"})


def choice(default: str, en: str, zh: str, among: Sequence[str]) -> Any:
    return _option(default, en, zh, {"enum": list(among)})


def texts(default: tuple[str, ...], en: str, zh: str, *, least: int = 0, pattern: str | None = None) -> Any:
    item = {"type": "string", "minLength": 1} | ({"pattern": pattern} if pattern else {})
    return _option(default, en, zh, {"type": "array", "items": item, "minItems": least})


def polygon(en: str, zh: str, default: Polygon = WHOLE) -> Any:
    """A polygon in shares of the picture."""
    return _option(default, en, zh, {"type": "array", "items": {**PAIR, "items": {"type": "number"}}, "x-widget": "polygon"})


def point(default: Point, en: str, zh: str) -> Any:
    """A point of the floor, in metres."""
    return _option(default, en, zh, {**PAIR, "items": {"type": "number"}, "x-widget": "point"})


def line(en: str, zh: str, default: Polygon = ()) -> Any:
    """A line as two points in shares of the picture, or none."""
    return _option(default, en, zh, {"type": "array", "maxItems": 2, "items": {**PAIR, "items": {"type": "number"}}, "x-widget": "line"})


def pairs(en: str, zh: str) -> Any:
    """Reference points [[picture x, y], [floor x_m, y_m]], four or more, or none."""
    item = {**PAIR, "items": {**PAIR, "items": {"type": "number"}}}
    return _option((), en, zh, {"type": "array", "items": item, "x-widget": "floor_points"})


def rows(en: str, zh: str) -> Any:
    """A list of lists of texts."""
    return _option((), en, zh, {"type": "array", "items": {"type": "array", "items": {"type": "string"}}})


def _option(default: Any, en: str, zh: str, schema: Mapping[str, Any], unit: str = "") -> Any:
    known = {"title": en, "x-zh": zh, "default": plain(default), **schema} | ({"x-unit": unit} if unit else {})
    return dataclasses.field(default=default, metadata={"schema": known})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What all algorithms have. `check` is called when an algorithm is made."""

    every_s: float = number(0.0, "Time between looks (0: every frame)", "检测间隔（0 为每帧）", "s", most=3600)

    def check(self) -> None:
        """GeometryError or AlgorithmError for values which do not fit together."""


def schema_of(settings: type[Settings]) -> dict[str, Any]:
    """The JSON Schema of settings, closed to unknown keys."""
    properties = {field.name: dict(field.metadata["schema"]) for field in dataclasses.fields(settings)}
    return {"$schema": DRAFT, "type": "object", "properties": properties, "additionalProperties": False}


def parsed(settings: Callable[..., S], schema: Mapping[str, Any], given: Mapping[str, Any]) -> S:
    """Settings from JSON; AlgorithmError names all that is wrong with their form."""
    import jsonschema_rs

    value = plain(given)
    faults = [
        f"{'.'.join(str(part) for part in error.instance_path) or 'settings'}: {error.message}"
        for error in jsonschema_rs.Draft202012Validator(dict(schema)).iter_errors(value)
    ]
    if faults:
        known = ", ".join(schema["properties"])
        raise AlgorithmError("; ".join(faults) + ".", "settings", f"Settings: {known}.", zh=f"设置有误：{'；'.join(faults)}。")
    return settings(**{key: _frozen(one) for key, one in value.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def plan(reference: Sequence[Pair]) -> FloorPlan | None:
    """The floor through reference points; None without any, GeometryError for bad ones."""
    return fit([one for one, _ in reference], [other for _, other in reference]) if reference else None


def check_points(points: Sequence[Point], path: str) -> None:
    """GeometryError for a point outside the picture."""
    for k, (x, y) in enumerate(points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise GeometryError(
                f"The point ({x:g}, {y:g}) lies outside the picture.",
                f"{path}[{k}]",
                "Give shares from 0 to 1.",
                zh=f"点 ({x:g}, {y:g}) 在画面之外。",
            )


def check_polygon(corners: Polygon, path: str = "polygon") -> None:
    """GeometryError for a polygon that leaves the picture, has fewer than three corners, spans nothing, or crosses itself."""
    if len(corners) < 3:
        raise GeometryError(
            f"A polygon of {len(corners)} corners spans nothing.",
            path,
            "Give three corners or more.",
            zh=f"{len(corners)} 个顶点围不成区域。",
        )
    check_points(corners, path)
    sides = [(corners[k - 1], corners[k]) for k in range(len(corners))]
    crossing = [(i, j) for i in range(len(sides)) for j in range(i + 2, len(sides)) if (i, j) != (0, len(sides) - 1)]
    for i, j in crossing:
        if _cross(*sides[i], *sides[j]):
            raise GeometryError(
                f"Its sides {i} and {j} cross.",
                path,
                "Give the corners in their order around the zone.",
                zh=f"第 {i} 条边与第 {j} 条边相交。",
            )
    if shoelace(corners) < LEAST_AREA:
        raise GeometryError("The polygon spans nothing.", path, "Draw a zone with an area.", zh="区域面积为零。")


def check_line(points: Polygon, path: str = "line", *, wanted: bool = False) -> None:
    """GeometryError for a line that leaves the picture or has no length; none at all is fine unless it is `wanted`."""
    if not points and not wanted:
        return
    check_points(points, path)
    if len(points) != 2 or points[0] == points[1]:
        raise GeometryError("The line has no length.", path, "Give two different points.", zh="计数线长度为零。")


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments ab and cd cross properly."""
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
