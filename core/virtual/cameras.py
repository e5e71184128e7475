"""What cameras would make of the store: line counts, zone occupancy, tracks, shelves; and scenes in place of frames."""

from __future__ import annotations

from math import floor

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.footsteps import box_of, walk
from storeloom.core.virtual.stock import Item, Stock
from storeloom.core.virtual.tables_goods import list_price
from storeloom.core.virtual.tables_place import centre
from storeloom.core.virtual.trade import Shopper
from storeloom.core.virtual.world import World

BUCKET = 5 * MINUTE
WIDTH, HEIGHT = 1280, 720
CROSSING_S = 4
SHELF_EVERY = 10 * MINUTE
COLOURS = ("#336699", "#993333", "#222222", "#dddddd", "#557744", "#cc9933")

FOLLOWED = 40  # one shopper in so many is followed step by step
BATCH = 30
DOOR_M = 12.0  # width of the entrance that the camera sees


class Cameras:
    """Counts come from true arrivals: one person in a hundred is missed at the door, none is invented."""

    def __init__(self, world: World, stock: Stock) -> None:
        self.world = world
        self.centres = {row["zone"]: centre(row) for row in world.tables["zones"]}
        self.boxes = {row["zone"]: box_of(row["polygon"]) for row in world.tables["zones"]}
        self.crossings: dict[int, list[int]] = {}
        self.visits: dict[int, dict[str, Row]] = {}
        self.seen = frozenset(row["zone"] for row in world.tables["zones"] if row["kind"] in {"sales", "fresh", "entrance", "checkout"})
        first = next((row["fixture"] for row in world.tables["planogram"]), "")
        self.occupancy = dict.fromkeys(sorted(self.seen), 0)
        self.watched: list[Item] = [item for item in stock.items.values() if item.slot and item.slot["fixture"] == first]
        self.fixture = first
        self.frames: dict[int, list[Row]] = {}
        self._seq: dict[str, int] = {}
        self.label_price: dict[str, object] = {}

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        stamp, end = self.world.hours[0], self.world.hours[1] + 30 * MINUTE
        while stamp < end:
            self.world.schedule(stamp + BUCKET, self._tell_bucket)
            stamp += BUCKET
        self._plan_frames()
        stamp = self.world.hours[0] + 10 * MINUTE
        while stamp < self.world.hours[1]:
            self.world.schedule(stamp, self._shelf)
            stamp += HOUR

    def watch(self, shopper: Shopper) -> None:
        """A shopper has come in."""
        missed = shopper.number % 100 == 0
        if not missed:
            self._cross(shopper.entered, 0, shopper.group)
        for zone, start, end in shopper.path:
            self.visit(zone, start, end)
        self._track(shopper)
        if self.world.wants("camera.frame"):
            self._walk(shopper, shopper.entered, out=False)
        entry: Row = {"gate": "gate-1", "kind": "passed", "direction": "in", "count": shopper.group}
        self.world.tell(shopper.entered, "gate.state", "gate-1", entry)

    def left(self, shopper: Shopper, stamp: float) -> None:
        if shopper.number % 100 != 50:
            self._cross(stamp, 1, shopper.group)
        if self.world.wants("camera.frame"):
            self._walk(shopper, stamp, out=True)

    def visit(self, zone: str, start: float, end: float) -> None:
        """Somebody stays in a zone."""
        if zone not in self.seen:
            return
        self._note(zone, start)["entered"] += 1
        leaving = self._note(zone, end)
        leaving["left"] += 1
        leaving["dwell"] += end - start

    def _note(self, zone: str, stamp: float) -> Row:
        bucket = self.visits.setdefault(floor(stamp / BUCKET), {})
        return bucket.setdefault(zone, {"entered": 0, "left": 0, "dwell": 0.0})

    def _cross(self, stamp: float, way: int, heads: int) -> None:
        self.crossings.setdefault(floor(stamp / BUCKET), [0, 0])[way] += heads

    def _tell_bucket(self, stamp: float) -> None:
        number = floor(stamp / BUCKET) - 1
        span: Row = {"from": iso(number * BUCKET), "to": iso((number + 1) * BUCKET)}
        inward, outward = self.crossings.pop(number, (0, 0))
        count: Row = {"line": "line-entrance", "class": "person", "in": inward, "out": outward, **span, "camera": "cam-entrance"}
        self.world.tell(stamp, "vision.count", "cam-entrance", count)
        bucket = self.visits.pop(number, {})
        for zone in self.occupancy:
            note = bucket.get(zone, {"entered": 0, "left": 0, "dwell": 0.0})
            self.occupancy[zone] += note["entered"] - note["left"]
            data: Row = {"zone": zone, "occupancy": self.occupancy[zone], **span, "entered": note["entered"], "left": note["left"]}
            if note["left"]:
                data["dwell_mean_s"] = round(note["dwell"] / note["left"], 1)
            camera = {"z-checkout": "cam-checkout", "z-entrance": "cam-entrance"}.get(zone, "cam-shelf")
            if zone == "z-checkout":
                data["queue"] = max(0, self.occupancy[zone] - 4)
            self.world.tell(stamp, "vision.zone", camera, data | {"camera": camera})

    def _track(self, shopper: Shopper) -> None:
        """A new, an update for each zone, an end: one point in the middle of each zone; one shopper in forty also step by step."""
        if not self.world.wants("vision.track"):
            return
        base: Row = {"camera": "cam-entrance", "track": f"t-{shopper.key}", "class": "person"}
        attrs = {"group_size": shopper.group, "colour": COLOURS[shopper.number % len(COLOURS)]}
        last = len(shopper.path) - 1
        dx, dy = (shopper.number * 7919 % 300) / 100 - 1.5, (shopper.number * 104729 % 300) / 100 - 1.5
        spots = [(round(self.centres[zone][0] + dx, 2), round(self.centres[zone][1] + dy, 2)) for zone, _, _ in shopper.path]
        if shopper.number % FOLLOWED == FOLLOWED // 2:
            self._footsteps(shopper, spots, base)
        for place, (zone, start, end) in enumerate(shopper.path):
            points = [[iso(start), *spots[place]]]
            state = "new" if place == 0 else "end" if place == last else "update"
            data: Row = {**base, "state": state, "points": points, "zone": zone}
            self.world.tell(
                end if state == "end" else start, "vision.track", "cam-entrance", data | ({"attrs": attrs} if place == 0 else {})
            )

    def _footsteps(self, shopper: Shopper, spots: list[tuple[float, float]], base: Row) -> None:
        """Each minute of the visit an update with a point every two seconds."""
        chance = Chance(self.world.seed, "footsteps", shopper.key)
        boxes = [self.boxes[zone] for zone, _, _ in shopper.path]
        begins = [start for _, start, _ in shopper.path]
        spans = list(zip(begins, [*begins[1:], shopper.path[-1][2]], strict=True))
        for (zone, _, _), points in zip(shopper.path, walk(spots, boxes, spans, chance), strict=True):
            for first in range(0, len(points), BATCH):
                batch = points[first : first + BATCH]
                rows = [[iso(stamp), round(x, 2), round(y, 2)] for stamp, (x, y) in batch]
                self.world.tell(batch[-1][0], "vision.track", "cam-entrance", {**base, "state": "update", "points": rows, "zone": zone})

    def _walk(self, shopper: Shopper, stamp: float, *, out: bool) -> None:
        """Four seconds between the door and the store, one frame a second; people who come together share frames."""
        first = floor(stamp) + 1
        for step in range(CROSSING_S):
            second = first + step
            if second not in self.frames:
                self.frames[second] = []
                self.world.schedule(float(second), self._tell_frame)
            depth = CROSSING_S - 1 - step if out else step
            for mate in range(shopper.group):
                x = 0.05 + (shopper.number * 37 % 60) / 100 + 0.05 * mate
                self.frames[second].append(
                    {
                        "id": f"p{shopper.number}-{mate}{'-out' if out else ''}",
                        "class": "person",
                        "box": [round(x, 3), round(0.1 + 0.15 * depth, 3), 0.05, 0.3],
                        "score": 0.9,
                        "floor": [round(x * DOOR_M, 2), round(0.5 + 1.2 * depth, 2)],
                        "colour": COLOURS[(shopper.number + mate) % len(COLOURS)],
                    }
                )

    def _plan_frames(self) -> None:
        if not self.world.wants("camera.frame") or self.world.hours is None:
            return
        opens, closes = self.world.hours
        stamp = opens + 5 * MINUTE
        while stamp < closes:
            self.world.schedule(stamp, self._shelf_scene)
            stamp += SHELF_EVERY

    def _tell_frame(self, stamp: float) -> None:
        self._frame("cam-entrance", stamp, self.frames.pop(floor(stamp)))

    def _frame(self, camera: str, stamp: float, objects: list[Row]) -> None:
        seq = self._seq[camera] = self._seq.get(camera, 0) + 1
        data: Row = {"camera": camera, "seq": seq, "width": WIDTH, "height": HEIGHT, "scene": {"objects": objects}}
        self.world.tell(stamp, "camera.frame", camera, data)

    def _shelf_scene(self, stamp: float) -> None:
        """The watched fixture from the front: packs by slot, none where the shelf is empty, a price label below each."""
        objects: list[Row] = []
        for item in self.watched:
            slot = item.slot
            if slot is None:
                continue
            shelf, column = int(slot["shelf"]) - 1, int(slot["slot"].rsplit("-", 1)[1]) - 1
            left, top = column / 8, shelf / 5
            if item.shelf >= item.least:
                facings = max(1, min(int(slot["facings"]), round(slot["facings"] * item.shelf / item.capacity + 0.49)))
                width = 0.11 / max(1, int(slot["facings"]))
                objects += [
                    {
                        "id": f"{slot['slot']}/{n}",
                        "class": "item",
                        "box": [round(left + n * width, 4), round(top, 4), round(width * 0.95, 4), 0.15],
                        "score": 0.92,
                        "gtins": [[item.gtin, 0.9]],
                    }
                    for n in range(facings)
                ]
            label = slot.get("label") or slot["slot"]
            objects.append(
                {
                    "id": label,
                    "class": "price_label",
                    "box": [round(left, 4), round(top + 0.16, 4), 0.06, 0.03],
                    "score": 0.95,
                    "text": self._label_text(label, item),
                    "gtins": [[item.gtin, 1.0]],
                }
            )
        if objects:
            self._frame("cam-shelf", stamp, objects)

    def _label_text(self, label: str, item: Item) -> str:
        """What the label shows: what a bundle last wrote on it, else the list price."""
        price = self.label_price.get(label)
        if isinstance(price, str):
            return price
        return f"{(price if isinstance(price, int) else list_price(item.product)) / 100:.2f}"

    def _shelf(self, stamp: float) -> None:
        """What a shelf engine reports of the watched fixture."""
        slots = []
        for item in self.watched:
            if item.slot is None:
                continue
            gap = item.shelf < item.least
            fill = min(1.0, item.shelf / item.capacity)
            slots.append(
                {
                    "slot": item.slot["slot"],
                    "gtin": item.gtin,
                    "facings": 0 if gap else round(item.slot["facings"] * max(fill, 0.3) + 0.49),
                    "gap": gap,
                    "depth": round(fill, 2),
                    "confidence": 0.93,
                }
            )
        self.world.tell(stamp, "vision.shelf", "cam-shelf", {"fixture": self.fixture, "camera": "cam-shelf", "slots": slots})
