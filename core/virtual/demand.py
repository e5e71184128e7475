"""What shoppers want: category and item choice under prices, promotions, season and complementary goods."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import accumulate

from storeloom.core.virtual.assortment import appeal, category_of, category_share
from storeloom.core.virtual.calendar_cn import eve_of_holiday, holiday_on, is_day_off
from storeloom.core.virtual.chance import Chance, share
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.stock import Item, Stock
from storeloom.core.virtual.tables_goods import list_price
from storeloom.core.virtual.weather import weather_on
from storeloom.core.virtual.words import AFFINITIES
from storeloom.core.virtual.world import World


class Prices:
    """The price in force for each item: base table, promotions of the day, and what a bundle has set."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.base: dict[str, int] = {row["gtin"]: list_price(row) for row in world.tables["products"]}
        for row in world.tables["prices"]:
            if row.get("kind", "base") == "base" and not row.get("scope"):
                self.base[row["gtin"]] = int(row["price"])
        self.reference = dict(self.base)
        self.set_until: dict[str, tuple[int, float]] = {}
        self.promotions: dict[str, Row] = {}

    def start_day(self, midnight: float) -> None:
        """Promotions in force at midday, the highest priority (lowest number) for each item."""
        noon = midnight + 12 * 3600
        self.promotions = {}
        for row in sorted(self.world.tables["promotions"], key=lambda row: -float(row.get("priority") or 0)):
            if row.get("approved", True) and _stamp(row["from"]) <= noon < _stamp(row["to"]):
                for gtin in row.get("gtins") or ():
                    self.promotions[gtin] = row

    def put(self, gtin: str, price: int, until: float | None) -> None:
        """A bundle's price: for good, or until a time and then back to the base price."""
        if until is None:
            self.base[gtin] = price
            self.set_until.pop(gtin, None)
        else:
            self.set_until[gtin] = (price, until)

    def shelf_price(self, gtin: str, stamp: float) -> int:
        """Fen for one, or for one kg, before promotions."""
        held = self.set_until.get(gtin)
        if held is not None:
            if stamp < held[1]:
                return held[0]
            del self.set_until[gtin]
        return self.base[gtin]

    def discount(self, gtin: str, price: int) -> tuple[int, str | None]:
        """Promotion discount on one unit, with the promotion's id."""
        row = self.promotions.get(gtin)
        if row is None:
            return 0, None
        if row["kind"] in {"percent", "member_price"}:
            return round(price * float(row["value"]) / 100), row["promo"]
        if row["kind"] == "amount":
            return min(price, int(row["value"])), row["promo"]
        if row["kind"] == "fixed":
            return max(0, price - int(row["value"])), row["promo"]
        return 0, None


class Demand:
    """Choice by weight. An item's weight is its appeal times (price / list price) to its elasticity (-1.2 to -3)."""

    def __init__(self, world: World, stock: Stock, prices: Prices) -> None:
        self.world = world
        self.prices = prices
        self.groups: dict[str, list[Item]] = {}
        for item in stock.items.values():
            self.groups.setdefault(item.product["category"], []).append(item)
        self.categories = list(self.groups)
        self.appeal = {gtin: appeal(world.seed, gtin) for gtin in stock.items}
        self.elasticity = {gtin: -1.2 - 1.8 * share(world.seed, "elasticity", gtin) for gtin in stock.items}
        self._whole = {key: sum(self.appeal[item.gtin] for item in items) for key, items in self.groups.items()}
        self._cumulated: dict[str, list[float]] = {}
        self._lift: dict[str, float] = {}
        self._missions: dict[str, tuple[list[float], float]] = {}
        self.links = Affinities(self.groups, self.appeal, world)
        self._stale = True

    def start_day(self, midnight: float) -> None:
        self.prices.start_day(midnight)
        self._stale = True

    def price_changed(self) -> None:
        self._stale = True

    def day_factor(self, day: date) -> float:
        """Traffic of the day against an ordinary weekday, without weather."""
        weekend = self.world.shape.weekend
        factor = weekend if is_day_off(day) else 1.0
        holiday = holiday_on(day)
        if holiday is not None:
            factor *= 0.8 if holiday.name == "春节" and self.world.shape.weekend < 1.5 else 1.1
        elif eve_of_holiday(day) is not None:
            factor *= 1.25
        return factor * (1.06 if day.weekday() == 4 else 1.0)

    def basket(self, chance: Chance, mission: str, size: float, stamp: float) -> dict[str, int]:
        """Wanted units by gtin of one shopper: 1 + Poisson(size - 1) choices and what they make likelier."""
        if self._stale:
            self._weigh(stamp)
        cumulated, ratio = self._mission(mission)
        wanted: dict[str, int] = {}
        for _ in range(1 + chance.poisson(max(0.0, size * ratio - 1))):
            key = self.categories[bisect(cumulated, chance.random() * cumulated[-1])]
            weights = self._cumulated[key]
            item = self.groups[key][bisect(weights, chance.random() * weights[-1])]
            self._add(wanted, item, chance)
        for item in self.links.follow(wanted, chance):
            self._add(wanted, item, chance)
        self.links.count(wanted)
        return wanted

    def substitute(self, item: Item, chance: Chance) -> Item | None:
        """Another item of the same category with goods on its shelf, or none in six of ten cases."""
        if not chance.hit(0.4):
            return None
        like = [other for other in self.groups[item.product["category"]] if other is not item and other.shelf >= other.least]
        near = [other for other in like if other.product.get("subcategory") == item.product.get("subcategory")]
        pool = near or like
        return chance.pick(pool) if pool else None

    @staticmethod
    def pieces(item: Item, chance: Chance) -> int:
        if item.weighed:
            return max(50, round(chance.spread(float(item.product.get("weight_g") or 500), 0.3)))
        cheap = list_price(item.product) < 800
        return 1 + (chance.poisson(0.35) if cheap else chance.poisson(0.08))

    def _add(self, wanted: dict[str, int], item: Item, chance: Chance) -> None:
        units = self.pieces(item, chance)
        if item.weighed and item.gtin in wanted:
            return
        wanted[item.gtin] = wanted.get(item.gtin, 0) + units

    def _weigh(self, stamp: float) -> None:
        for key, items in self.groups.items():
            weights = []
            for item in items:
                price = self.prices.shelf_price(item.gtin, stamp)
                price -= self.prices.discount(item.gtin, price)[0]
                relative = max(0.05, price / self.prices.reference[item.gtin])
                weights.append(self.appeal[item.gtin] * relative ** self.elasticity[item.gtin])
            self._cumulated[key] = list(accumulate(weights))
            self._lift[key] = self._cumulated[key][-1] / self._whole[key] * self._season(key)
        self._missions.clear()
        self._stale = False

    def _season(self, key: str) -> float:
        warm = weather_on(self.world.seed, self.world.day).mean_c - 17
        slope = {"drinks": 0.02, "frozen": -0.008, "fruit": 0.006, "seasoning": -0.005, "ready_meals": 0.004}.get(key, 0.0)
        return max(0.5, 1 + slope * warm)

    def _mission(self, mission: str) -> tuple[list[float], float]:
        if mission not in self._missions:
            plain = [category_share(key) * _leaning(mission, key) for key in self.categories]
            weights = [weight * self._lift[key] for weight, key in zip(plain, self.categories, strict=True)]
            if sum(weights) == 0:
                plain = [1.0] * len(self.categories)
                weights = [self._lift[key] for key in self.categories]
            self._missions[mission] = (list(accumulate(weights)), sum(weights) / sum(plain))
        return self._missions[mission]


def _leaning(mission: str, key: str) -> float:
    known = category_of(key)
    if mission == "lunch":
        return known.lunch if known else 0.5
    if mission == "weekly":
        return 1.2 if known and not known.weighed else 1.0
    return 1.0


def _stamp(text: str) -> float:
    """Epoch second of an RFC 3339 time or of a date (its midnight in UTC)."""
    moment = datetime.fromisoformat(text)
    return moment.timestamp() if moment.tzinfo else datetime.fromisoformat(f"{text[:10]}T00:00:00+00:00").timestamp()


class Affinities:
    """Pairs of kinds bought together, and the true lift counted over wanted baskets."""

    def __init__(self, groups: Mapping[str, Sequence[Item]], appeals: Mapping[str, float], world: World) -> None:
        self.world = world
        self.by_gtin: dict[str, list[int]] = {}
        self.sides: dict[str, list[tuple[int, int]]] = {}
        self.pairs: list[tuple[float, list[Item], list[float]]] = []
        self.tally: list[list[int]] = []
        self.baskets = 0
        for (cat_a, kind_a), (cat_b, kind_b), probability in AFFINITIES:
            left = _kind(groups, cat_a, kind_a)
            right = _kind(groups, cat_b, kind_b)
            if left and right:
                self._link(left, right, probability, appeals)

    def _link(self, left: list[Item], right: list[Item], probability: float, appeals: Mapping[str, float]) -> None:
        number = len(self.pairs)
        self.pairs.append((probability, right, list(accumulate(appeals[item.gtin] for item in right))))
        self.tally.append([0, 0, 0])
        for item in left:
            self.by_gtin.setdefault(item.gtin, []).append(number)
            self.sides.setdefault(item.gtin, []).append((number, 1))
        for item in right:
            self.sides.setdefault(item.gtin, []).append((number, 2))
        entry = {"a": [item.gtin for item in left], "b": [item.gtin for item in right], "chance": probability, "lift": None, "baskets": 0}
        self.world.truth.affinities.append(entry)

    def follow(self, wanted: Mapping[str, int], chance: Chance) -> list[Item]:
        found: list[Item] = []
        for gtin in wanted:
            for number in self.by_gtin.get(gtin, ()):
                probability, right, weights = self.pairs[number]
                if chance.hit(probability):
                    found.append(right[bisect(weights, chance.random() * weights[-1])])
        return found

    def count(self, wanted: Mapping[str, int]) -> None:
        self.baskets += 1
        marks: dict[int, int] = {}
        for gtin in wanted:
            for number, side in self.sides.get(gtin, ()):
                marks[number] = marks.get(number, 0) | side
        for number, mark in marks.items():
            tally = self.tally[number]
            tally[0] += mark & 1
            tally[1] += mark >> 1
            tally[2] += mark == 3

    def close(self) -> None:
        """Write P(a and b) / (P(a) P(b)) of the wanted baskets into the truth."""
        for entry, (left, right, both) in zip(self.world.truth.affinities, self.tally, strict=True):
            entry["baskets"] = self.baskets
            entry["lift"] = round(both * self.baskets / (left * right), 3) if left and right else None


def _kind(groups: Mapping[str, Sequence[Item]], category: str, kind: str) -> list[Item]:
    name = kind.replace(" ", "_")
    return [item for item in groups.get(category, ()) if item.product.get("subcategory") == name]
