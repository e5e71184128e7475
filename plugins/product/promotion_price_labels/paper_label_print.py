"""For stores without electronic labels: prints just the tags that change tonight, in walking order, by aisle, and tells who hangs what.

A tag says name, price, unit, unit price, 'was' price and promotion: those of the tables and of `price.set` at the end of the time until the
next batch. It is compared with the last print, which counts until its task is declined, failed or cancelled; then with the one confirmed
before it. An item that was not in the tables at the start gets its first tag. What changes before a batch can serve it is printed alone
`urgent_min` before. Only shelf prices for everyone are on tags.

An ended promotion is one whose tag or poster no longer holds: it is taken down with the new tag. Aisles go to somebody of that section,
where the table `staff` knows one. Jobs of a printer that says it is offline or at fault (`device.status`) wait and go out in their order.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import Out, parse_time

DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
BASIS_G = 1000
VERSIONS = 100
TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
TASKS_KEPT = timedelta(days=30)


class PaperLabelPrint(Solution):
    number = 131
    zh, en = "纸质价签与海报批量打印", "Paper label and poster printing"
    purpose_zh = "没有电子价签的门店只打印当晚要换的价签，按走动路线与通道成页，附法定要素并指派挂签人。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("print.job", "task.create", "alert.raise")
    adapters = ("printer",)
    reads = ("products", "prices", "promotions", "planogram", "staff")
    kpis = {
        "labels_printed": kpi("count", "Labels printed", "打印价签数"),
        "labels_hung_on_time": kpi("%", "Labels hung on time", "按时挂签率"),
        "prints_avoided": kpi("count", "Prints avoided", "避免的打印"),
        "hanging_time": kpi("min", "Hanging time", "挂签工时"),
    }
    kinds = {
        "hang_labels": ("Hang price tags", "更换价签"),
        "label_held": ("Tag held: field missing", "价签缺项未打印"),
        "labels_not_hung": ("Tags not hung in time", "价签未按时更换"),
    }

    class Config(SolutionConfig):
        batch_at: str = setting("20:30", "Cut-off for tomorrow's changes", "次日变价截止时间", widget="time", pattern=TIME, effect="reload",
            help_en="Store time.", help_zh="店铺时间。")  # fmt: skip
        labels_per_sheet: int = setting(12, "Labels on a sheet", "每页价签数", ge=1, le=60)
        hang_min: float = setting(0.4, "Time to hang a label", "单签挂签工时", unit="min", ge=0.05, le=5)
        urgent_min: int = setting(30, "Printed at once within", "紧急打印时限", unit="min", ge=0, le=240,
            help_en="A price that is effective so soon is printed alone.", help_zh="在此时间内生效的变价立即单独打印。")  # fmt: skip
        required_fields: list[str] = setting(["name", "price", "unit"], "Fields without which no label is printed", "必备要素",
            help_en="Fields of the tag or columns of the products table.", help_zh="价签要素或商品表的列。")  # fmt: skip
        poster_min_off_pct: float = setting(20, "Discount from which a poster is printed", "海报折扣下限", unit="%", ge=0, le=90)
        done_by: str = setting("08:00", "Hanging finished by", "挂签完成时间", widget="time", pattern=TIME)

    def start(self):
        items = self._known()
        for key, content in self._contents(items, self.now).items():
            self.state[f"tag:{key}"] = {"shown": content, "printed": None, "count": 0}

    # Changes

    @on("price.set")
    def price_set(self, event):
        from storeloom.workers.pricing import shelf, tags

        news = tags.statement(event.data, event.time)
        if news is None:
            return
        key = self.workers.gs1.item_key(event["gtin"])
        self.state[f"news:{key}"] = shelf.with_news(self.state.get(f"news:{key}", []), news, self.now)
        items = {key: event["gtin"]}
        if self._contents(items, self._next_batch() + DAY - TICK)[key] != self._last(key):
            self.state[f"touched:{key}"] = True
        begins = parse_time(news["from"])
        urgent = begins - timedelta(minutes=self.config.urgent_min)
        if urgent <= self.now:
            yield from self._alone(items, max(begins, self.now))
        elif begins < self._next_batch():
            self.timers.set("urgent", event["gtin"], urgent, {"from": news["from"]})

    @timer("urgent")
    def soon(self, due):
        yield from self._alone({self.workers.gs1.item_key(due.key): due.key}, parse_time(due.data["from"]))

    def _alone(self, items, at):
        wanted = self._contents(items, at)
        changed = {key for key in items if wanted[key] != self._last(key)}
        yield from self._print(changed, wanted, items, at, at if at > self.now else None)
        later = self._contents(items, self._next_batch() + DAY - TICK)
        for key in changed:
            if later[key] == self._last(key):
                self.state.pop(f"touched:{key}", None)

    @every("1d", at="config.batch_at")
    def batch(self, due):
        """Tomorrow's tags: what is wanted before the next batch and is not what was printed last."""
        items = self._known()
        wanted = self._contents(items, due.time + DAY - TICK)
        changed = {key for key in items if wanted[key] != self._last(key)}
        touched = [name for name in self.state if name.startswith("touched:")]
        self.kpi.add("prints_avoided", sum(name[8:] in wanted and name[8:] not in changed for name in touched))
        for name in touched:
            del self.state[name]
        yield from self._print(changed, wanted, items, due.time, None)

    # Printing

    def _print(self, changed, wanted, items, at, due):
        """Sheets, posters and hanging tasks of changed tags, aisle by aisle; what lacks a field is held."""
        ready = set()
        for key in sorted(changed):
            missing = [field for field in self.config.required_fields if wanted[key].get(field) in (None, "")]
            if not missing:
                ready.add(key)
            yield from self._hold(key, items[key], missing)
        places = [place for key in ready for place in self._places(key, items[key])]
        for zone, rows in self.workers.pricing.tag_sheets.aisles(places).items():
            number = self.state["number"] = self.state.get("number", 0) + 1
            task = f"hang-{self.store.hours.store_day(at)}-{number}"
            hung = [self._label(row, wanted[row["key"]]) for row in rows]
            for sheet, labels in enumerate(self.workers.pricing.tag_sheets.sheets(hung, self.config.labels_per_sheet), 1):
                fields = {"zone": zone, "labels": labels}
                yield from self._job(f"{task}-{sheet}", "label", {name: value for name, value in fields.items() if value}, task)
            yield self._task(task, zone, rows, hung, due)
        for key in sorted(
            ready, key=lambda key: min(self.workers.pricing.tag_sheets.walking(row) for row in self._places(key, items[key]))
        ):
            content, tag = wanted[key], self.state[f"tag:{key}"]
            if self._poster(content):
                yield from self._job(f"poster-{items[key]}-{tag['count']}", "poster", {"gtin": items[key], **content}, None)

    def _label(self, row, content):
        """A tag's fields with its version, counted once an item and print."""
        tag = self.state[f"tag:{row['key']}"]
        return {"gtin": row["gtin"], **content, "version": f"{tag['count'] % VERSIONS:02d}", "slot": row.get("slot")}

    def _hold(self, key, gtin, missing):
        tag = self.state.setdefault(f"tag:{key}", {"shown": None, "printed": None, "count": 0})
        held = tag.pop("held", None)
        if missing:
            tag["held"] = missing
        else:
            tag["count"] += 1
        if bool(missing) != bool(held):
            fields = ", ".join(missing or held)
            text = self.say(f"Tag of {gtin} needs {fields}", f"{gtin} 价签缺少：{fields}")
            yield out("alert.raise", alert=f"label-held-{gtin}", kind="label_held", severity="warn", state="open" if missing else "cleared",
                      subject=gtin, text=text, fields=missing or None)  # fmt: skip

    def _task(self, name, zone, rows, hung, due):
        hours, keys = self.store.hours, list(dict.fromkeys(row["key"] for row in rows))
        today = hours.store_day(self.now)
        ends = due or next(at for ahead in range(2) if (at := hours.at(today + ahead * DAY, self.config.done_by)) > self.now)
        where = [[str(row[part]) for part in ("fixture", "shelf", "slot") if part in row] for row in rows]
        lines = [{"gtin": row["gtin"], "qty": 1, "to": "/".join(place) or None,
                  "note": f"v{label['version']}"} for row, place, label in zip(rows, where, hung, strict=True)]  # fmt: skip
        lines = [{part: value for part, value in line.items() if value is not None} for line in lines]
        for key in keys:
            tag, label = self.state[f"tag:{key}"], next(label for row, label in zip(rows, hung, strict=True) if row["key"] == key)
            before = self._last(key) or {}
            if before.get("promo") and before["promo"] != label.get("promo"):
                lines.append({"gtin": label["gtin"], "note": f"{self.say('take down', '撤下')}: {before['promo']}"})
            elif self._poster(before) and not self._poster(label):
                lines.append({"gtin": label["gtin"], "note": self.say("take down: poster", "撤下：海报")})
            tag["printed"] = {part: value for part, value in label.items() if part not in ("gtin", "version", "slot")}
            tag["task"] = name
        minutes = round(len(hung) * self.config.hang_min, 2)
        self.kpi.add("labels_printed", len(hung))
        self.kpi.add("hanging_time", minutes)
        self.state[f"task:{name}"] = {"labels": len(hung), "keys": keys, "zone": zone, "late": False}
        self.timers.set("due", name, ends)
        staff = [
            row["staff"] for row in self.tables.staff.rows() if zone is not None and row.get("section") == zone and not row.get("left")
        ]
        title = self.say(f"Hang {len(hung)} tags{f' in {zone}' if zone else ''}", f"{zone or ''}更换 {len(hung)} 张价签")
        return out("task.create", task=name, kind="hang_labels", title=title, priority=1 if due else 3, zone=zone, minutes=minutes,
                   due=ends, staff=min(staff, default=None), items=lines, values={"labels": len(hung)})  # fmt: skip

    def _job(self, job, kind, fields, task):
        printer = next(iter(self.devices.get("printer", ())), None)
        made = out("print.job", printer=printer.id if printer else "printer", job=job, kind=kind, fields=fields, copies=1,
                   template="price_tag" if kind == "label" else "poster", ref=task and {"stream": "task.create", "id": task})  # fmt: skip
        if self.state.get("down"):
            self.state.setdefault("queue", []).append(made.data)
        else:
            yield made

    @on("device.status?")
    def printer_changed(self, event):
        printer = next(iter(self.devices.get("printer", ())), None)
        if printer is None or event["device"] != printer.id:
            return
        self.state["down"] = event["state"] in ("offline", "fault")
        if not self.state["down"]:
            yield from (Out("print.job", data) for data in self.state.pop("queue", []))

    # Hanging

    @on("task.done?")
    def hung(self, event):
        task = self.state.get(f"task:{event['task']}")
        if task is None or event["state"] == "accepted":
            return
        del self.state[f"task:{event['task']}"]
        self.timers.cancel("due", event["task"])
        done = event["state"] in ("done", "approved")
        for key in task["keys"]:
            tag = self.state[f"tag:{key}"]
            if tag.get("task") == event["task"]:
                tag["shown"], tag["printed"] = tag["printed"] if done else tag["shown"], None
                del tag["task"]
        if not task["late"]:
            self.kpi.share("labels_hung_on_time", task["labels"] if done else 0, task["labels"])
        elif done:
            yield self._alert(event["task"], task, "cleared")

    @timer("due")
    def not_hung(self, due):
        task = self.state[f"task:{due.key}"]
        if task["late"]:
            del self.state[f"task:{due.key}"]
            return
        task["late"] = True
        self.timers.set("due", due.key, due.time + TASKS_KEPT)
        self.kpi.share("labels_hung_on_time", 0, task["labels"])
        yield self._alert(due.key, task, "open")

    def _alert(self, name, task, state):
        text = self.say(f"{task['labels']} tags not hung in time", f"{task['labels']} 张价签未按时更换")
        return out("alert.raise", alert=f"not-hung-{name}", kind="labels_not_hung", severity="high", state=state, subject=name,
                   zone=task["zone"], text=text, value=task["labels"], unit="count", ref={"stream": "task.create", "id": name})  # fmt: skip

    # Contents

    def _contents(self, items, at):
        """What the tags of items say at a time, by key; without a price where none holds."""
        pricing, news = self.workers.pricing, [row for key in items for row in self.state.get(f"news:{key}", [])]
        by_item = self.tables.prices.derived("by_item", pricing.rows_by_item)
        rows = [row for key in items for row in by_item.get(key, ())]
        products = {key: self.tables.products.get(gtin) or {"gtin": gtin} for key, gtin in items.items()}
        zone, found = self.store.hours.zone, {}
        book = pricing.shelf.ShelfPrices(
            pricing.shelf.overlaid(rows, news, zone), self.tables.promotions.all_rows(), products.values(), zone
        )
        for key, gtin in items.items():
            price, product = book.at(gtin, at), products[key]
            fields = pricing.labels.content(gtin, product, price, BASIS_G)["fields"] if price else {}
            extra = {
                field: product.get(field) for field in (*self.config.required_fields, "name", "unit") if field not in ("price", "struck")
            }
            found[key] = {field: value for field, value in {**fields, **extra}.items() if value is not None}
        return found

    def _poster(self, content):
        off = self.workers.pricing.tag_sheets.off_pct(content.get("price", 0), content.get("struck"))
        return bool(content.get("struck")) and off >= self.config.poster_min_off_pct - 1e-9

    def _last(self, key):
        tag = self.state.get(f"tag:{key}") or {}
        return tag.get("printed") or tag.get("shown")

    def _known(self):
        """Items of the planogram, of the price news and, where there is no planogram, all products; as written, by key."""
        rows = self.tables.planogram.rows() or self.tables.products.rows()
        news = [row["gtin"] for name in self.state if name.startswith("news:") for row in self.state[name][:1]]
        return {self.workers.gs1.item_key(gtin): gtin for gtin in [*news, *(row["gtin"] for row in rows)]}

    def _places(self, key, gtin):
        rows = self.tables.planogram.derived("by_item", self.workers.pricing.rows_by_item).get(key, ())
        held = [row for row in rows if self.workers.pricing.shelf.holds(row, self.now, self.store.hours.zone)]
        return [{**row, "key": key} for row in held or [{"gtin": gtin}]]

    def _next_batch(self):
        hours, today = self.store.hours, self.store.hours.store_day(self.now)
        return next(at for ahead in range(3) if (at := hours.at(today + ahead * DAY, self.config.batch_at)) > self.now)
