"""For chains with many store shapes: fits one segment planogram to each store's real fixtures, range and local sellers.

A template is a proposal of kind `template`, unless it is rejected; the answer has its status. Deliverable is an item without a supplier, or
whose supplier is in the table `suppliers` (any, where that is empty) and serves its category, unless `blocked` among its attributes. Local
items are listed and deliverable here, stand neither in the template nor on another fixture, and are not known to be out of stock; the first
item that went gives its place, with its facings, to the best seller of its subcategory (its category where it names none; any of the bay's
where it is not known).

Boards are read as `workers/optimise/boards.py` tells; without higher boards that clear an item it goes to the nearest lower one. Changed
facings are those to move and the greater of those to add and to remove, as a reset of the bay would. `left_out` begins with the must-stock
items. Weekly sales are those of the window, or since an item was listed. A bay with an item of unknown width is not fitted.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.workers.gs1.numbers import item_key

DAYS_A_WEEK = 7
MM_A_CM = 10


class PlanogramLocalizer(Solution):
    number = 122
    zh, en = "千店千面棚格适配", "Planogram localizer"
    purpose_zh = "把一张分群模板陈列图自动适配到每家店真实的货架、在售范围和本地热销，不再把适配留给门店。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("planogram.propose",)
    reads = ("products", "planogram", "fixtures", "suppliers")
    kpis = {
        "stores_localized": kpi("%", "Templates fitted", "模板适配率"),
        "shelf_fill": kpi("%", "Shelf width used", "货架宽度利用率"),
        "local_items": kpi("count", "Local items taken in", "引入本地商品数"),
        "must_stock_missing": kpi("count", "Must-stock items without a place", "未能上架的必备商品数"),
    }

    class Config(SolutionConfig):
        fill_target_pct: float = setting(92, "A shelf is full at", "目标利用率", unit="%", ge=60, le=100,
            help_en="Facings are added until then.", help_zh="加排面直到达到此比例。")  # fmt: skip
        sales_weeks: int = setting(8, "Sales window for ranking", "排名销售周数", unit="weeks", ge=1, le=52)
        local_slots: int = setting(2, "Items of the store's own choice in a bay", "每个货架自选商品数", ge=0, le=20)
        keep_pct: float = setting(10, "Changed facings that are worth a reset", "值得调整的排面变化", unit="%", ge=0, le=100,
            help_en="Fewer against the present planogram: nothing is sent.", help_zh="与现陈列相比变化更少时不下发。")  # fmt: skip
        clearance_cm: float = setting(2, "Free height above a pack", "商品上方净空", unit="cm", ge=0, le=10)
        max_facings: int = setting(8, "Most facings of one item", "单品最多排面", ge=1, le=40)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        today = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        oldest = self._oldest(date.fromisoformat(today))
        book, product = self.workers.optimise.sold_days, self.tables.products.get
        book.enter(self.state, event["lines"], today, after=oldest, returned=event["kind"] == "return", product=product)

    @on("inventory.snapshot?")
    def counted(self, event):
        position = self.workers.optimise.position
        if position.is_count(event.data):
            position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    @every("1d", at="close")
    def closing(self, due):
        self.workers.optimise.sold_days.forget(self.state, self._oldest(self.store.hours.ended_day(due.time)))

    @on("planogram.propose")
    def template(self, event):
        """Answer a template with the store's own proposal, where that is worth a reset."""
        status = event.get("status") or event.get("state")
        if event["kind"] != "template" or status == "rejected":
            return
        fixture, localise = event["fixture"], self.workers.optimise.localise
        wanted = sorted(event["slots"], key=lambda row: row.get("shelf", 1))
        boards = self._boards(fixture, wanted)
        places = self._range(fixture, event["from"], wanted) if boards else None
        if places is None:
            self.kpi.share("stores_localized", 0, 1)
            return
        shelves, missing = places
        config = self.config
        fit = localise.bay(shelves, boards, config.clearance_cm * MM_A_CM, config.fill_target_pct, config.max_facings)
        missing += [place for place in fit.left_out if place.must]
        slots = self._slots(fit)
        self.kpi.share("stores_localized", 1, 1)
        self.kpi.share("shelf_fill", sum(localise.used(shelf) for shelf in fit.shelves.values()), sum(one.width_mm for one in boards))
        self.kpi.add("must_stock_missing", len(missing))
        told = {"from": event["from"], "slots": slots}
        if self._changed(fixture, slots) < config.keep_pct / 100 or self.state.get(f"sent:{fixture}") == told:
            return
        self.state[f"sent:{fixture}"] = told
        self.kpi.add("local_items", sum(place.local for shelf in fit.shelves.values() for place in shelf))
        left_out = [*missing, *(place for place in fit.left_out if not place.must)]
        yield out("planogram.propose", {"from": event["from"]}, proposal=f"{event['proposal']}-{self.store.id}", kind="store",
                  fixture=fixture, slots=slots, left_out=[self._written(place.item) for place in left_out], template=event["proposal"],
                  state=event.get("state", status), status=status)  # fmt: skip

    def _boards(self, fixture, wanted):
        """The fixture's boards from the floor up; one without a width is as wide as the template's items, one without boards like it."""
        row, widths = self.tables.fixtures.get(fixture), {}
        if row is None and not self.tables.planogram.rows(fixture=fixture):
            return ()
        for one in wanted:
            wide = self._width(one["gtin"], fixture)
            widths[one.get("shelf", 1)] = widths.get(one.get("shelf", 1), 0) + round((wide or 0) * one["facings"])
        shelves = (row or {}).get("shelves") or [{"shelf": number} for number in widths]
        return self.workers.optimise.boards.boards(shelves, widths)

    def _range(self, fixture, day, wanted):
        """The template's places by board with local items in those that came free, and the must-stock items that are not to be had."""
        localise, shelves, missing = self.workers.optimise.localise, {}, []
        taken = {item_key(row["gtin"]) for row in wanted} | {
            item_key(row["gtin"]) for row in self.tables.planogram.rows() if row["fixture"] != fixture
        }
        kins = {_kin(self._product(row["gtin"])) for row in wanted} - {None}
        candidates, slots = self._candidates(day, kins), self.config.local_slots
        for row in wanted:
            key, own = item_key(row["gtin"]), False
            if not self._is_here(key, day):
                missing += [self._place(key, row, fixture)] if self._product(key).get("must_stock") else []
                kin = _kin(self._product(key))
                key = localise.best_local(kin, candidates, taken) if slots else None
                if key is None:
                    continue
                slots, own = slots - 1, True
                taken.add(key)
            place = self._place(key, row, fixture, own)
            if place.width_mm is None:
                return None
            shelves.setdefault(row.get("shelf", 1), []).append(place)
        return shelves, missing

    def _candidates(self, day, kins):
        """Subcategory and weekly sales of what sells here and is to be had, of the bay's subcategories."""
        found = {}
        for row in self.tables.products.all_rows():
            key, stock = item_key(row["gtin"]), None
            if _kin(row) in kins and f"sold:{key}" in self.state and self._is_here(key, day):
                stock = self.workers.optimise.position.units(self.state.get(f"stock:{key}", {}))
                if stock is None or stock > 0:
                    found[key] = (_kin(row), self._weekly(key))
        return found

    def _place(self, key, row, fixture, own=False):
        product = self._product(key)
        return self.workers.optimise.localise.Place(
            key, row["slot"], row["facings"], self._width(key, fixture), self._weekly(key), product.get("height_mm") or 0,
            bool(product.get("must_stock")), own,
        )  # fmt: skip

    def _slots(self, fit):
        """Slots by board from left to right; one that comes from another board gives way to a name that is taken there."""
        found = []
        for shelf, places in sorted(fit.shelves.items()):
            left, names = 0.0, set()
            for place in places:
                free = (name for name in (place.slot, *map(str, range(1, 2 * len(places) + 1))) if name not in names)
                name = next(free)
                names.add(name)
                found.append({"shelf": shelf, "slot": name, "gtin": self._written(place.item), "facings": place.facings,
                              "x_mm": round(left)})  # fmt: skip
                left += place.width_mm * place.facings
        return found

    def _changed(self, fixture, slots):
        """Changed facings as a share of today's; all of them where nothing stands."""
        reset = self.workers.optimise.shelf_reset
        old, new = (
            [reset.Slot(row.get("shelf", 1), row["slot"], item_key(row["gtin"]), row.get("facings", 1)) for row in rows]
            for rows in (reset.in_order(self.tables.planogram.rows(fixture=fixture)), slots)
        )
        counts, today = reset.compare(old, new).counts(), sum(one.facings for one in old)
        return (counts["move"] + max(counts["add"], counts["remove"])) / today if today else 1.0

    def _is_here(self, key, day):
        """Whether an item is listed on a day and can be delivered."""
        product = self._product(key)
        if not product or str(product.get("delisted_on") or "9999") <= day or str(product.get("listed_on") or "") > day:
            return False
        if (product.get("attributes") or {}).get("blocked"):
            return False
        supplier = product.get("supplier")
        row = self.tables.suppliers.get(supplier) if supplier else None
        if row is None:
            return not supplier or not self.tables.suppliers.rows()
        return not row.get("categories") or product.get("category") in row["categories"]

    def _weekly(self, key):
        """Units a week in the window, or since the item was listed."""
        today = self.store.hours.trading_day(self.now)
        oldest, listed = self._oldest(today), self._product(key).get("listed_on")
        age = (today - date.fromisoformat(listed[:10])).days + 1 if listed else None
        days = DAYS_A_WEEK * self.config.sales_weeks
        units = sum(sold for day, sold in self.state.get(f"sold:{key}", {}).items() if day > oldest)
        return max(0.0, units) * DAYS_A_WEEK / (days if age is None else min(days, max(DAYS_A_WEEK, age)))

    def _oldest(self, today):
        return (today - timedelta(days=DAYS_A_WEEK * self.config.sales_weeks)).isoformat()

    def _width(self, gtin, fixture):
        """Width of one facing in mm: the product's, else that of its slot by its facings."""
        wide, key = self._product(gtin).get("width_mm"), item_key(gtin)
        rows = [row for row in self.tables.planogram.rows(fixture=fixture) if item_key(row["gtin"]) == key and row.get("width_mm")]
        return wide or (rows[0]["width_mm"] / max(1, rows[0].get("facings", 1)) if rows else None)

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _written(self, key):
        return self._product(key).get("gtin", key)


def _kin(product):
    return product.get("subcategory") or product.get("category")
