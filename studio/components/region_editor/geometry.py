"""Lines, zones, slots and floor points in shares of a picture: from a config's JSON to shapes and back, and what is wrong with them.

The forms, where (x, y) are shares of the picture's width and height, y down, and `row` is an object that may hold more keys:

line          [[x, y], [x, y]], or []
polygon       [[x, y], ...], or []
box           [x, y, w, h], or []
lines         rows {from: [x, y], to: [x, y], ...} or plain lines
polygons      rows {polygon: [[x, y], ...], ...} or plain polygons
boxes         rows {box: [x, y, w, h], ...} or plain boxes
quads         as polygons, of four corners each
floor_points  [[[x, y], [x_m, y_m]], ...]: a place in the picture, and the same place on the floor in metres
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storeloom.studio.components.region_editor.words import editor_word

Point = tuple[float, float]
Form = Literal["line", "polygon", "box", "point"]
DIGITS = 4
LEAST_LENGTH = 0.005
LEAST_AREA = 1e-4
FEWEST_PAIRS = 4
FORMS: Mapping[str, Form] = {
    "line": "line",
    "lines": "line",
    "polygon": "polygon",
    "polygons": "polygon",
    "quads": "polygon",
    "box": "box",
    "boxes": "box",
    "floor_points": "point",
}
SINGLE = ("line", "polygon", "box")
GEOMETRY_KEYS: Mapping[str, tuple[str, ...]] = {"line": ("from", "to"), "polygon": ("polygon",), "box": ("box",), "point": ()}


@dataclass(frozen=True)
class Shape:
    """A line (2 points), polygon, box (4 corners, clockwise from the top left) or point. `rest` are the other keys of its row, None for
    a value that is no row; `floor` the metres of a floor point."""

    points: tuple[Point, ...]
    rest: Mapping[str, Any] | None = None
    floor: Point | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape as the editor in the browser holds it."""
        return {
            "points": [list(point) for point in self.points],
            "rest": None if self.rest is None else dict(self.rest),
            "floor": None if self.floor is None else list(self.floor),
        }


@dataclass(frozen=True)
class Fault:
    """What is wrong with shape number `index` (from 0; None: with all of them together)."""

    index: int | None
    code: str

    def text(self, lang: str) -> str:
        """Which shape, what is wrong and what to do."""
        said = editor_word(self.code, lang)
        return said if self.index is None else f"{editor_word('number', lang, n=self.index + 1)}{said}"


def normalised(point: Sequence[float]) -> Point:
    """A point moved into the picture and rounded to four digits."""
    x, y = (round(min(1.0, max(0.0, float(share))), DIGITS) for share in point)
    return x, y


def shapes_of(kind: str, value: Any) -> list[Shape]:
    """The shapes of a config value. ValueError for a value that is not of the kind's form, KeyError for an unknown kind."""
    form = FORMS[kind]
    if not isinstance(value, list):
        raise ValueError(f"a list is wanted, not {type(value).__name__}")
    if kind in SINGLE:
        return [Shape(_points(form, value))] if value else []
    if form == "point":
        return [_pair(one) for one in value]
    return [_row(form, one) for one in value]


def value_of(kind: str, shapes: Sequence[Shape]) -> list[Any]:
    """The config value of shapes: what `shapes_of` reads. A kind of which there is one takes the first shape."""
    form = FORMS[kind]
    if kind in SINGLE:
        return _written(form, shapes[0].points) if shapes else []
    if form == "point":
        return [[list(shape.points[0]), list(shape.floor)] for shape in shapes if shape.floor is not None]
    return [_written(form, shape.points) if shape.rest is None else _as_row(form, shape) for shape in shapes]


def shapes_from_editor(sent: Any) -> list[Shape]:
    """Shapes as the browser sent them, normalised. ValueError for anything else."""
    if not isinstance(sent, list):
        raise ValueError("the editor sent no list")
    found = []
    for one in sent:
        if not isinstance(one, Mapping) or not isinstance(one.get("rest"), Mapping | None):
            raise ValueError("the editor sent something that is no shape")
        floor = one.get("floor")
        points = tuple(normalised(_point(point)) for point in one.get("points", ()))
        found.append(Shape(points, one.get("rest"), None if floor is None else _point(floor)))
    return found


def fits(kind: str, value: Any) -> bool:
    """Whether a value can be drawn: it is of the kind's form, whatever its points."""
    try:
        shapes_of(kind, value)
    except ValueError:
        return False
    return True


def faults(kind: str, shapes: Sequence[Shape]) -> list[Fault]:
    """Points outside the picture, lines without length, polygons with too few corners, that cross themselves or span nothing, two floor
    points in one place, and fewer floor points than fix a floor."""
    form = FORMS[kind]
    found = []
    for index, shape in enumerate(shapes):
        code = _fault(form, shape.points)
        if code:
            found.append(Fault(index, code))
    if form == "point":
        places = [shape.points[0] for shape in shapes]
        found += [Fault(k, "same_place") for k, place in enumerate(places) if place in places[:k]]
        if 0 < len(shapes) < FEWEST_PAIRS:
            found.append(Fault(None, "few_pairs"))
    return found


def crosses_itself(corners: Sequence[Sequence[float]]) -> bool:
    """Whether two sides of a closed polygon that are not neighbours meet, or one lies back on its neighbour."""
    count = len(corners)
    sides = [(corners[k], corners[(k + 1) % count]) for k in range(count)]
    for i in range(count):
        if count > 2 and _folds(corners[i - 1], corners[i], corners[(i + 1) % count]):
            return True
        for j in range(i + 2, count):
            if (i, j) != (0, count - 1) and _meet(*sides[i], *sides[j]):
                return True
    return False


def area(corners: Sequence[Sequence[float]]) -> float:
    """Area of a polygon by the shoelace formula, as a share of the picture."""
    return abs(sum(corners[k - 1][0] * one[1] - one[0] * corners[k - 1][1] for k, one in enumerate(corners))) / 2


def _fault(form: Form, points: Sequence[Point]) -> str | None:
    if any(not 0 <= share <= 1 for point in points for share in point):
        return "outside"
    if form == "line":
        (ax, ay), (bx, by) = points
        return "no_length" if (bx - ax) ** 2 + (by - ay) ** 2 < LEAST_LENGTH**2 else None
    if form == "point":
        return None
    if len(points) < 3:
        return "few_corners"
    if crosses_itself(points):
        return "crossing"
    return "no_area" if area(points) < LEAST_AREA else None


def _turn(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    """Twice the signed area of a triangle, with rounding taken off."""
    return round((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]), 12)


def _within(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> bool:
    """Whether c, which lies on the straight through a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _meet(a: Sequence[float], b: Sequence[float], c: Sequence[float], d: Sequence[float]) -> bool:
    """Whether the segments ab and cd have a point in common."""
    one, two, three, four = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if one * two < 0 and three * four < 0:
        return True
    ends = ((one, a, b, c), (two, a, b, d), (three, c, d, a), (four, c, d, b))
    return any(turn == 0 and _within(start, end, point) for turn, start, end, point in ends)


def _folds(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> bool:
    """Whether the side bc lies back on the side ab."""
    return _turn(a, b, c) == 0 and (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0


def _point(value: Any) -> Point:
    numbers = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    if not numbers or any(isinstance(one, bool) or not isinstance(one, int | float) or one != one for one in value):
        raise ValueError(f"a point [x, y] is wanted, not {value!r}")
    return value[0], value[1]


def _points(form: Form, value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list):
        raise ValueError(f"a list is wanted, not {type(value).__name__}")
    if form == "box":
        if len(value) != 4:
            raise ValueError("a box [x, y, w, h] is wanted")
        (x, y), (w, h) = _point(value[:2]), _point(value[2:])
        right, bottom = round(x + w, 12), round(y + h, 12)
        return (x, y), (right, y), (right, bottom), (x, bottom)
    points = tuple(_point(one) for one in value)
    if form == "line" and len(points) != 2:
        raise ValueError("a line of two points is wanted")
    return points


def _written(form: Form, points: Sequence[Point]) -> list[Any]:
    if form != "box":
        return [list(point) for point in points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return [min(xs), min(ys), round(max(xs) - min(xs), DIGITS), round(max(ys) - min(ys), DIGITS)]


def _row(form: Form, value: Any) -> Shape:
    if not isinstance(value, Mapping):
        return Shape(_points(form, value))
    keys = GEOMETRY_KEYS[form]
    missing = [key for key in keys if key not in value]
    if missing:
        raise ValueError(f"a row without {missing[0]}")
    points = _points(form, [value[key] for key in keys] if form == "line" else value[keys[0]])
    return Shape(points, {key: one for key, one in value.items() if key not in keys})


def _as_row(form: Form, shape: Shape) -> dict[str, Any]:
    said = _written(form, shape.points)
    keys = GEOMETRY_KEYS[form]
    return {**(shape.rest or {}), **dict(zip(keys, said if form == "line" else [said], strict=True))}


def _pair(value: Any) -> Shape:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a pair [[x, y], [x_m, y_m]] is wanted")
    return Shape((_point(value[0]),), None, _point(value[1]))
