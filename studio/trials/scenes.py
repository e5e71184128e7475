"""Pictures of a trial's cameras: what a virtual camera saw, drawn from its scene, or frames of footage in which people are blurred."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.virtual.figures import store_time
from storeloom.core.virtual.store import VirtualStore
from storeloom.studio.components.region_editor.geometry import FORMS, shapes_of

FRAME = "camera.frame"
MOST = 6
APART = timedelta(seconds=5)
LEAST_SCORE = 0.35
WIDTH, HEIGHT = 1280, 720
ROOM = 270, 50  # pixels that the words beside a box take
PERSON, THING, REGION = "#ffb000", "#35c2ff", "#ff4fa0"  # each at least 4.5:1 on the dark picture
CLOTHES, GOODS = "#336699", ("#b5533c", "#3c7d5a", "#7a5aa8", "#a8873c", "#3c6aa8", "#a83c6a")
Picture = dict[str, Any]


def virtual_pictures(plan: Plan, start: date, seed: int, scale: float, alive: Callable[[], None]) -> list[Picture]:
    """What the virtual store's cameras saw on the first day, at most six pictures a camera over the day; none where no solution of the
    plan watches a camera. The store of one seed does the same again, so this is the day that the trial saw."""
    watched = {device.id for one in plan.instances for device in one.devices.get("camera", ())}
    if not watched:
        return []
    fullest: dict[tuple[str, int], tuple[datetime, list[Any]]] = {}
    zone = str(plan.store["zone"])
    for number, fact in enumerate(VirtualStore(plan.store, seed=seed, scale=scale).run(start, 1, {FRAME})):
        if number % 500 == 0:
            alive()
        camera, objects = str(fact.data["camera"]), list(fact.data["scene"]["objects"])
        slot = camera, store_time(fact.received, zone).hour
        if camera in watched and (slot not in fullest or len(objects) > len(fullest[slot][1])):
            fullest[slot] = fact.received, objects
    found = []
    for camera in sorted({name for name, _ in fullest}):
        seen = [fullest[slot] for slot in sorted(fullest) if slot[0] == camera]
        step = max(1, len(seen) // MOST)
        for at, objects in seen[step // 2 :: step][:MOST]:
            found.append({"camera": camera, "time": store_time(at, zone).isoformat(), "objects": objects})
    return found


def footage_pictures(facts: Iterable[Fact], into: list[Picture], hours: StoreHours) -> Iterator[Fact]:
    """The facts as they come; of the frames among them at most twelve, spread over the footage, are kept in `into`: people blurred, and
    what the detector sees in them."""
    apart, last = APART, None
    for fact in facts:
        pixels = fact.data.get("pixels") if fact.stream == FRAME else None
        if pixels is not None and (last is None or fact.received - last >= apart):
            last = fact.received
            into.append({"camera": str(fact.data["camera"]), "time": hours.local(fact.received).isoformat(), **_seen(pixels)})
            if len(into) == 2 * MOST:
                into[:] = into[::2]
                apart *= 2
        yield fact


def _seen(pixels: Any) -> Picture:
    """A frame with people blurred, and the boxes of what the detector sees in it."""
    from storeloom.studio.pictures import blurred
    from storeloom.workers.vision.detectors import default_detector

    picture = blurred(pixels)
    found = [
        {"class": thing.cls, "box": [round(float(share), 4) for share in thing.box], "score": round(float(thing.score), 2)}
        for thing in default_detector().detect(pixels, min_score=LEAST_SCORE)
    ]
    return {"objects": found, "jpeg": base64.b64encode(picture.jpeg).decode(), "blurred": picture.people}


def regions_of(plan: Plan, catalogue: Catalogue) -> list[dict[str, Any]]:
    """The lines and zones that the plan's configs draw on pictures: whose they are, their camera (None: any), form, name and points."""
    found = []
    for one in plan.instances:
        entry = catalogue.solution(one.solution)
        for key, facts in schemas.load(entry.schema_file).get("properties", {}).items():
            kind = facts.get("x-widget")
            value = one.config.get(key)
            if kind not in FORMS or not isinstance(value, list):
                continue
            for shape in shapes_of(kind, value):
                rest = shape.rest or {}
                words = {"zh": str(facts.get("x-zh", key)), "en": str(facts.get("title", key))}
                points = [list(point) for point in shape.points]
                row = {
                    "instance": one.name,
                    "camera": rest.get("camera"),
                    "form": FORMS[kind],
                    "name": rest.get("name") or rest.get("kind"),
                }
                found.append({**row, "words": words, "points": points})
    return found


def drawn(picture: Mapping[str, Any], regions: Sequence[Mapping[str, Any]], lang: str, *, boxes: bool = True) -> str:
    """A picture as SVG of 1280 x 720: the scene or the frame, the boxes of what is in it, the lines and zones of the configs."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {WIDTH} {HEIGHT}">']
    objects = picture["objects"]
    if picture.get("jpeg"):
        address = f"data:image/jpeg;base64,{picture['jpeg']}"
        parts.append(f'<image width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none" xlink:href="{address}" href="{address}"/>')
    else:
        shelf = any(one["class"] in ("item", "price_label") for one in objects)
        parts.append(_shelf() if shelf else _hall())
        parts += [_thing(one) for one in objects]
    if boxes:
        parts += _boxes([one for one in objects if one["class"] != "price_label"])
    parts += [_region(one, lang) for one in regions if one["camera"] in (None, picture["camera"])]
    return "".join([*parts, "</svg>"])


def _hall() -> str:
    """A bare floor up to the door, in perspective."""
    lines = [f'<line x1="{640 + k * 60}" y1="150" x2="{640 + k * 260}" y2="{HEIGHT}"/>' for k in range(-6, 7)]
    lines += [f'<line x1="0" y1="{y}" x2="{WIDTH}" y2="{y}"/>' for y in (190, 250, 340, 470, 640)]
    wall = '<rect width="1280" height="150" fill="#2b3440"/><rect x="470" y="20" width="340" height="130" fill="#46586b"/>'
    return f'<rect width="1280" height="720" fill="#1d242d"/>{wall}<g stroke="#34404d" stroke-width="2">{"".join(lines)}</g>'


def _shelf() -> str:
    """Five boards."""
    boards = "".join(f'<rect y="{HEIGHT * (k + 0.79) / 5:.0f}" width="{WIDTH}" height="30" fill="#3a4552"/>' for k in range(5))
    return f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#1d242d"/>{boards}'


def _place(one: Mapping[str, Any]) -> tuple[float, float, float, float]:
    x, y, w, h = one["box"]
    return x * WIDTH, y * HEIGHT, w * WIDTH, h * HEIGHT


def _thing(one: Mapping[str, Any]) -> str:
    """An object as a plain figure: a person in the colour of the clothes, goods, or a label with its text."""
    x, y, w, h = _place(one)
    if one["class"] == "person":
        head = f'<circle cx="{x + w / 2:.0f}" cy="{y + h * 0.12:.0f}" r="{h * 0.1:.0f}" fill="#c9b8a8"/>'
        body = f'<rect x="{x + w * 0.1:.0f}" y="{y + h * 0.24:.0f}" width="{w * 0.8:.0f}" height="{h * 0.74:.0f}" rx="{w * 0.3:.0f}"'
        return f'{head}{body} fill="{escape(str(one.get("colour", CLOTHES)))}" stroke="#8a97a6" stroke-width="2"/>'
    if one["class"] == "price_label":
        text = escape(str(one.get("text", "")))
        said = f'<text x="{x + w / 2:.0f}" y="{y + h * 0.8:.0f}" font-size="18" font-family="sans-serif" text-anchor="middle">{text}</text>'
        return f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" fill="#fffbe8"/>{said}'
    shade = GOODS[zlib.crc32(str((one.get("gtins") or [[one["class"]]])[0][0]).encode()) % len(GOODS)]
    return f'<rect x="{x:.0f}" y="{y + h * 0.06:.0f}" width="{w:.0f}" height="{h * 0.92:.0f}" rx="4" fill="{shade}"/>'


def _boxes(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """A frame around each, and what it is beside those whose words have room."""
    found: list[str] = []
    written: list[tuple[float, float]] = []
    for one in objects:
        x, y, w, h = _place(one)
        colour = PERSON if one["class"] == "person" else THING
        found.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" fill="none" stroke="{colour}" stroke-width="3"/>')
        if one["class"] != "item" and not any(abs(x - a) < ROOM[0] and abs(y - b) < ROOM[1] for a, b in written):
            written.append((x, y))
            said = f"{one['class']} {one['score']:.2f}" if "score" in one else str(one["class"])
            place = f'x="{x:.0f}" y="{max(34.0, y - 8):.0f}"'
            found.append(f'<text {place} font-size="36" font-family="sans-serif" fill="{colour}">{escape(said)}</text>')
    return found


def _region(one: Mapping[str, Any], lang: str) -> str:
    points = [(x * WIDTH, y * HEIGHT) for x, y in one["points"]]
    at = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    form = "polyline" if one["form"] == "line" else "polygon"
    fill = "none" if form == "polyline" else f"{REGION}22"
    x, y = min(points, key=lambda point: point[0])
    words = escape(f"{one['words'][lang]} {one['name'] or ''}".strip())
    place = f'x="{min(x + 10, WIDTH - 420):.0f}" y="{max(40.0, y - 12):.0f}"'
    text = f'<text {place} font-size="38" font-family="sans-serif" fill="{REGION}">{words}</text>'
    return f'<{form} points="{at}" fill="{fill}" stroke="{REGION}" stroke-width="5"/>{text}'
