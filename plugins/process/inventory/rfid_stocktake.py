"""RFID stock-take: sweeps with a reader, an estimate of the tags that they missed, and differences booked only when the count is good.

A session runs from its start until it is complete, incomplete, or the next one starts. Tags are told apart by GTIN and serial, however
their EPC is written. Reads without a single tag that counts are no sweep. Of a product without tags, `rfid: false` among its attributes
takes it out of the count; all others of the counted prefixes are expected. With one sweep a session nothing can be estimated, and it
closes with it.

A serial that was sold and is read again is not counted as stock: it is reported, for the sale or the return is to be put right. One that
is sold after it was read in the session is taken off. Sales without a serial come off the expected quantity. Expected is the last snapshot
before the session with the sales after it; snapshots that come during a session count from the next one on. What waits for approval is
booked when its task is done or approved.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.optimise.store_times import TIME

QUIET = timedelta(seconds=120)
MORE_SWEEPS = 2
KEPT = timedelta(days=90)
PREFIX_DIGITS = range(6, 13)


class RfidStocktake(Solution):
    number = 93
    zh, en = "RFID智能盘点", "RFID stock-take"
    purpose_zh = "用读写器几分钟盘完全场，估计漏读标签数，只有盘点足够可信时才登记差异。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("inventory.movement", "task.create", "alert.raise", "score.report")
    adapters = ("rfid",)
    reads = ("products", "zones")
    kpis = {
        "count_accuracy": kpi("%", "Items without difference", "账实相符率"),
        "coverage": kpi("%", "Tags read of those there", "标签读取覆盖率"),
        "minutes_per_1000": kpi("min", "Minutes for 1000 tags", "每千件盘点分钟"),
        "net_difference": kpi("units", "Net difference", "净差异"),
    }
    kinds = {
        "rfid_sweep": ("Sweep once more", "再扫一遍"),
        "approve_count": ("Approve large differences", "审批大额盘点差异"),
        "stocktake_incomplete": ("Stock-take incomplete, nothing booked", "盘点不完整，未登记"),
        "sold_tag_read": ("A sold tag is still here", "已售标签仍在店内"),
    }

    class Config(SolutionConfig):
        sweeps: int = setting(
            2, "Sweeps a session", "每次盘点扫描遍数", ge=1, le=6,
            help_en="Each tag counts once in each.", help_zh="每遍中每个标签只计一次。",
        )  # fmt: skip
        coverage: float = setting(
            0.99, "Coverage that closes", "结束覆盖率", ge=0.8, le=1,
            help_en="Estimated share of tags read that closes a session.", help_zh="估计读取比例达到该值即结束盘点。",
        )  # fmt: skip
        min_reads: int = setting(
            2, "Reads of a tag", "最少读取次数", ge=1, le=20,
            help_en="Fewer in a sweep make it a stray.", help_zh="一遍中少于该次数视为误读。",
        )  # fmt: skip
        rssi_floor: int = setting(
            -68, "Weakest signal", "最弱信号", unit="dBm", ge=-90, le=-30,
            help_en="Weaker tags are taken for the neighbour's.", help_zh="更弱的标签视为邻店商品。",
        )  # fmt: skip
        sessions: list[Annotated[str, Field(pattern=TIME)]] = setting(
            lambda: ["open-60"], "Starts", "盘点开始时间",
            help_en="Store time, as 21:30, open-60 or close+15.", help_zh="当地时间，如 21:30、open-60、close+15。",
        )  # fmt: skip
        filter_prefix: list[Annotated[str, Field(pattern=r"^\d{6,12}$")]] = setting(
            list, "Company prefixes", "厂商前缀",
            help_en="Those counted; empty: those of the products table.", help_zh="参与盘点的前缀；空则取商品表。",
        )  # fmt: skip
        auto_book: int = setting(
            5, "Booked without approval", "免审批差异", unit="each", ge=0, le=1000,
            help_en="Differences of up to this many units an item.", help_zh="单品差异不超过该件数时直接登记。",
        )  # fmt: skip

    # Stock and sales

    @on("inventory.snapshot")
    def counted(self, event):
        gtin = self._gtin(event["gtin"])
        name = f"{'later' if 'session' in self.state else 'stock'}:{gtin}"
        self.workers.optimise.position.count(self.state.setdefault(name, {}), event.data, event.time)

    @on("pos.sale?")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        for line in event["lines"]:
            gtin, back = self._gtin(line["gtin"]), event.get("kind") == "return" or line["qty"] < 0
            qty = -abs(line["qty"]) if back else line["qty"]
            for name in (f"stock:{gtin}", f"later:{gtin}"):
                if name in self.state:
                    self.workers.optimise.position.take(self.state[name], qty, event.time)
            item = self.workers.gs1.epc.sgtin(line["epc"]) if line.get("epc") else None
            if item and back:
                self.state.pop(f"sold:{item.gtin}|{item.serial}", None)
            elif item:
                self.state[f"sold:{item.gtin}|{item.serial}"] = rfc3339(event.time)
                for kind in ("tag", "seen"):
                    self.state.pop(f"{kind}:{item.gtin}|{item.serial}", None)

    # Sessions

    def start(self):
        self._plan()

    @every("1d", at="00:00")
    def new_day(self, due):
        self._plan()
        for name in [name for name in self.state if name.startswith("sold:") and parse_time(self.state[name]) < due.time - KEPT]:
            del self.state[name]

    def _plan(self):
        """The sessions of today, and of tomorrow where they begin before midnight."""
        today = self.store.hours.store_day(self.now)
        for text in self.config.sessions:
            at = self.workers.optimise.store_times.moment(self.store.hours, today, text)
            if at is not None and at > self.now:
                self.timers.set("session", text, at)

    @timer("session")
    def begin(self, due):
        """A session starts; one that still runs has not become complete."""
        if self.state.get("session", {}).get("sizes"):
            yield from self._incomplete()
        self._close()
        self.state["session"] = {"start": rfc3339(due.time), "sizes": [], "seconds": 0, "unknown": 0}

    def _close(self):
        self.state.pop("session", None)
        for name in [name for name in self.state if name.startswith(("tag:", "seen:", "odd:"))]:
            del self.state[name]
        for name in [name for name in self.state if name.startswith("later:")]:
            self.state[f"stock:{name[6:]}"] = self.state.pop(name)
        self.timers.cancel("quiet", "sweep")

    @on("rfid.read")
    def read(self, event):
        """A read of a running session; reads between sessions are ignored."""
        session = self.state.get("session")
        if session is None:
            return
        if "first" not in session:
            session["first"] = event.time.isoformat()
            self.timers.set("quiet", "sweep", event.time + QUIET)
        session["last"] = max(session.get("last", ""), event.time.isoformat())
        item = self.workers.gs1.epc.sgtin(event["epc"])
        if item is None or not self._is_own(event["epc"], item.gtin):
            self.state[f"odd:{event['epc']}"] = True
            return
        name = f"tag:{item.gtin}|{item.serial}"
        reads, best, _ = self.state.get(name, (0, -999, None))
        self.state[name] = [reads + event.get("count", 1), max(best, event["rssi_dbm"]), event.get("zone")]

    def _is_own(self, epc, gtin):
        """Whether a tag's company prefix is counted."""
        prefix = self.workers.gs1.epc.company_prefix(epc)
        if self.config.filter_prefix:
            return prefix in self.config.filter_prefix if prefix else gtin[1:].startswith(tuple(self.config.filter_prefix))
        return prefix in self.tables.products.derived("prefixes", self._prefixes) if prefix else bool(self.tables.products.get(gtin))

    @staticmethod
    def _prefixes(rows):
        gtins = [row["gtin"].zfill(14) for row in rows]
        return {gtin[1 : 1 + digits] for gtin in gtins for digits in PREFIX_DIGITS}

    @timer("quiet")
    def quiet(self, due):
        """Two minutes without a tag end a sweep."""
        session = self.state["session"]
        if parse_time(session["last"]) + QUIET > due.time:
            self.timers.set("quiet", "sweep", parse_time(session["last"]) + QUIET)
            return
        session["seconds"] += (parse_time(session.pop("last")) - parse_time(session.pop("first"))).total_seconds()
        yield from self._sweep(session, due.time)

    def _sweep(self, session, at):
        """What a sweep adds, and whether the session is done with it."""
        before = sum(name.startswith("seen:") for name in self.state)
        fresh, both = 0, 0
        for name in [name for name in self.state if name.startswith("tag:")]:
            reads, best, zone = self.state.pop(name)
            key = name[4:]
            if reads < self.config.min_reads or best < self.config.rssi_floor:
                continue
            if f"sold:{key}" in self.state:
                yield from self._still_here(key, session)
                continue
            fresh, both = fresh + 1, both + (f"seen:{key}" in self.state)
            self.state[f"seen:{key}"] = [len(session["sizes"]) + 1, zone]
        session["unknown"] = sum(name.startswith("odd:") for name in self.state)
        if not fresh:
            return
        session["sizes"].append(fresh)
        sweeps = len(session["sizes"])
        if sweeps > 1:
            session["found"] = list(self.workers.optimise.tag_count.chapman(before, fresh, both))
        if sweeps < self.config.sweeps:
            return
        if sweeps == 1 or session["found"][2] >= self.config.coverage - 1e-9:
            yield from self._complete(session, at)
        elif sweeps < self.config.sweeps + MORE_SWEEPS:
            yield self._again(session, at)
        else:
            yield from self._incomplete()
            self._close()

    def _still_here(self, key, session):
        if key in session.setdefault("told", []):
            return
        session["told"].append(key)
        gtin, _, serial = key.partition("|")
        row = self.tables.products.get(gtin) or {}
        name = row.get("name", gtin)
        yield out(
            "alert.raise", alert=f"sold-tag-{gtin}-{serial}-{session['start']}", kind="sold_tag_read", severity="warn", state="open",
            subject=row.get("gtin", gtin), ref={"serial": serial, "sold": self.state[f"sold:{key}"]},
            text=self.say(f"{name}, serial {serial}: sold but read again", f"{name}（序列号{serial}）已售却仍被读到"),
        )  # fmt: skip

    def _again(self, session, at):
        """Ask for another sweep, first where the last one missed most of what was seen before."""
        sweep, missed = len(session["sizes"]), {}
        for name in [name for name in self.state if name.startswith("seen:")]:
            last, zone = self.state[name]
            if last < sweep and zone:
                missed[zone] = missed.get(zone, 0) + 1
        zone = min(missed, key=lambda one: (-missed[one], one), default=None)
        where = f" {(self.tables.zones.get(zone) or {}).get('name', zone)}" if zone else ""
        share = 100 * session["found"][2]
        return out(
            "task.create", task=f"sweep-{session['start']}-{sweep + 1}", kind="rfid_sweep", priority=2, role="stock", zone=zone,
            title=self.say(f"Sweep again{where}: {share:.1f} % read", f"再扫一遍{where}：已读{share:.1f}%"), not_before=at,
            values={"coverage": round(share, 2), "sweep": sweep + 1},
        )  # fmt: skip

    # Outcomes

    def _complete(self, session, at):
        """Book small differences, ask for approval of large ones, report."""
        counted = {}
        for name in [name for name in self.state if name.startswith("seen:")]:
            gtin = self._gtin(name[5:].partition("|")[0])
            counted[gtin] = counted.get(gtin, 0) + 1
        expected = {name[6:]: units for name in self.state if name.startswith("stock:") and (units := self._expected(name)) is not None}
        differences = self.workers.optimise.tag_count.differences(expected, counted)
        total, net = len({*expected, *counted}), sum(differences.values())
        large = {}
        for gtin, difference in differences.items():
            if abs(difference) > self.config.auto_book:
                large[gtin] = [counted.get(gtin, 0), difference]
            else:
                yield self._booked(gtin, counted.get(gtin, 0), difference, {"session": session["start"]})
        if large:
            task = f"count-{session['start']}"
            self.state[f"task:{task}"] = large
            items = [{"gtin": gtin, "qty": qty, "note": f"{difference:+g}"} for gtin, (qty, difference) in large.items()]
            title = self.say(f"Approve {len(large)} count differences", f"审批{len(large)}个商品的盘点差异")
            yield out("task.create", task=task, kind="approve_count", title=title, priority=2, role="supervisor", items=items)
        if total:
            self.kpi.share("count_accuracy", total - len(differences), total)
        self.kpi.add("net_difference", net)
        extra = [("count_accuracy", 100 * (total - len(differences)) / total, "%")] if total else []
        yield self._report(session, "complete", [*extra, ("net_difference", net, None)])
        self._close()

    def _expected(self, name):
        """What the book says of an item that is counted; None of one that is not."""
        row, places = self.tables.products.get(name[6:]) or {}, self.state[name]
        gtin = name[6:].zfill(14)
        prefixes = tuple(self.config.filter_prefix)
        if not places or (row.get("attributes") or {}).get("rfid") is False or (prefixes and not gtin[1:].startswith(prefixes)):
            return None
        return self.workers.optimise.position.units(places)

    def _booked(self, gtin, qty, difference, ref):
        cost = (self.tables.products.get(gtin) or {}).get("cost")
        self.state[f"stock:{gtin}"] = {"store": {"at": self.now.isoformat(), "on_hand": qty}}
        return out("inventory.movement", kind="count", gtin=gtin, qty=qty, state="booked", cost=cost, reason="rfid_stocktake",
                   ref={**ref, "difference": difference})  # fmt: skip

    def _incomplete(self):
        session = self.state["session"]
        found = session.get("found")
        share = None if found is None else round(100 * found[2], 2)
        said = self.say("unknown", "未知") if share is None else f"{share} %"
        yield out(
            "alert.raise", alert=f"stocktake-{session['start']}", kind="stocktake_incomplete", severity="warn", state="open",
            subject=self.store.id, value=share, limit=100 * self.config.coverage, unit="%",
            text=self.say(f"Stock-take incomplete, read {said}; nothing booked", f"盘点不完整，已读{said}，未登记任何差异"),
        )  # fmt: skip
        yield self._report(session, "incomplete", [])

    def _report(self, session, state, extra):
        found = session.get("found") or [sum(session["sizes"]), None, None]
        minutes = session["seconds"] / 60 / found[0] * 1000 if found[0] else None
        if found[2] is not None:
            self.kpi.set("coverage", 100 * found[2])
        if minutes is not None:
            self.kpi.set("minutes_per_1000", minutes)
        share = None if found[2] is None else 100 * found[2]
        parts = [("tags", found[0], None), ("estimate", found[1], None), ("coverage", share, "%"), ("sweeps", len(session["sizes"]), None)]
        parts += [("unknown", session["unknown"], None), ("minutes_per_1000", minutes, "min"), *extra]
        told = [{"name": name, "value": round(value, 2), **({"unit": u} if u else {})} for name, value, u in parts if value is not None]
        return out("score.report", {"from": parse_time(session["start"]), "to": self.now}, scheme="rfid_stocktake", subject_kind="store",
                   subject=self.store.id, parts=told, labels={"state": state})  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        """Large differences that were approved are booked."""
        name = f"task:{event['task']}"
        if name not in self.state or event["state"] == "accepted":
            return
        for gtin, (qty, difference) in self.state.pop(name).items():
            if event["state"] in ("done", "approved") and (event.get("values") or {}).get("approved") is not False:
                yield self._booked(gtin, qty, difference, {"task": event["task"]})

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin") or self.workers.gs1.item_key(gtin)
