"""Permits and goods papers: every paper that the store must have, reminded before it lapses, and goods held until theirs are there.

Required are the store's permits, certificates and inspections in `documents` (rows without a supplier), lifts and pressure vessels with
`verified_to` in `assets`, and the licence of every supplier received from in the last 90 days; one whose date no table knows is
missing. Several rows of a document are its renewals. A critical paper in no table caps the score too, as far as anything is required.

A `task.done` (done or approved) hands in a paper: by the task it answers, or by `values` (`document`, `permit`, `asset` or `supplier`) with
the new date as `expires` (or another date among the values); a lot's report by the hold task, its movement as `ref`, or `values.lot`
with `values.supplier`. A row of `documents` with the supplier whose subject or number is the batch is a lot's report as well. A reminder
is for the role of the row of `checklists` whose item is the paper or its kind, else for the manager.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import plain

RECEIVED_WITHIN, REPORTS_KEPT, SALES_KEPT = timedelta(days=90), timedelta(days=365), timedelta(days=7)
DAY = timedelta(days=1)
RemindDay = Annotated[int, Field(ge=0, le=365)]


class PermitCompliance(Solution):
    number = 142
    zh, en = "证照与索证索票合规", "Permits and goods papers compliance"
    purpose_zh = "掌握门店的每一份证照、检验与供应商票证，到期前提醒，无票证的商品暂停上架，无许可的品类禁止销售。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "alert.raise", "score.report")
    reads = ("documents", "assets", "suppliers", "products", "checklists")
    kpis = {
        "papers_valid": kpi("%", "Papers valid", "证照有效率"),
        "papers_expired": kpi("count", "Papers expired", "过期证照数"),
        "lots_on_hold": kpi("count", "Lots on hold", "暂停批次数"),
        "sales_without_permit": kpi("count", "Sales without a permit", "无许可销售笔数"),
    }
    kinds = {
        "renew_paper": ("Renew a paper", "证照续期"),
        "hold_lot": ("Hold a lot for its papers", "缺票证暂停上架"),
        "paper_expired": ("Paper expired", "证照过期"),
        "sale_without_permit": ("Sale without a permit", "无许可销售"),
        "lot_without_papers": ("Lot without papers", "批次缺少票证"),
    }

    class Config(SolutionConfig):
        remind_days: list[RemindDay] = setting([60, 30, 7, 1], "Reminders before expiry", "到期前提醒", unit="days",
            help_en="A task on each of these days before a paper expires.", help_zh="证照到期前的这些天各下达一次任务。")  # fmt: skip
        remind_at: str = setting("09:00", "Hour of reminders", "提醒时间", widget="time", effect="reload",
            pattern=r"^([01]\d|2[0-3]):[0-5]\d$", help_en="Store time, also of the day's score.",
            help_zh="门店时间，当日评分亦在此时给出。")  # fmt: skip
        lot_report_categories: list[str] = setting(["meat", "seafood", "imported"], "Categories that need a lot report", "须批次报告的品类",
            help_en="Categories or subcategories.", help_zh="品类或子类。")  # fmt: skip
        report_h: int = setting(4, "Time to hand in a missing paper", "补交票证时限", unit="h", ge=0, le=72,
            help_en="From the receipt of the goods; then there is an alert.", help_zh="自收货起算，逾期告警。")  # fmt: skip
        permit_categories: dict[str, list[str]] = setting(
            {"tobacco_licence": ["tobacco"], "drug_licence": ["otc_drugs"]}, "Categories sold under a permit only", "须许可销售的品类",
            help_en="By permit, that is by its document id.", help_zh="按许可证（证照编号）列出。")  # fmt: skip
        critical: list[str] = setting(["food_licence", "fire_inspection"], "Critical papers", "关键证照",
            help_en="Papers that cap the score while missing or expired.", help_zh="缺失或过期时限制总分的证照。")  # fmt: skip
        critical_cap: float = setting(59, "Score without a critical paper", "缺关键证照时的最高分", ge=0, le=100,
            help_en="The most that the score can be then.", help_zh="此时总分不超过该值。")  # fmt: skip

    def start(self):
        yield from self._look()

    @every("1d", at="00:00")
    def midnight(self, due):
        today = self.store.hours.store_day(due.time)
        for name, kept in (("received", RECEIVED_WITHIN), ("reports", REPORTS_KEPT), ("sold", SALES_KEPT)):
            rows = self.state.get(name, {})
            self.state[name] = {key: day for key, day in rows.items() if date.fromisoformat(day) >= today - kept}
        yield from self._look()

    @on_table("documents", "assets", "suppliers")
    def papers_changed(self, table):
        yield from self._look()
        for key, hold in list(self._holds().items()):
            if not self._lacks(hold["supplier"], hold["lot"], hold["report"]):
                yield from self._release(key)

    @every("1d", at="config.remind_at")
    def remind(self, due):
        today = self.store.hours.store_day(due.time)
        papers = self._papers(today)
        for key, paper in papers.items():
            days = (paper.until - today).days if paper.until else None
            if days in self.config.remind_days:
                yield self._reminder(key, paper, days)
        yield self._score(today, papers)

    @on("task.done")
    def handed_in(self, event):
        if event["state"] not in ("done", "approved"):
            return
        today, values = self.store.hours.store_day(event.time), event.get("values") or {}
        task, ref, holds = event["task"], (event.get("ref") or {}).get("id"), self._holds()
        known = self._papers(today)
        named = [values.get(name) for name in ("document", "permit", "paper", "asset", "supplier")]
        key = self.state.get("reminders", {}).get(task, [None])[0] or next((name for name in named if name in known), None)
        until = self.workers.insight.papers.new_date(values)
        if key and known[key].renewed(until) != known[key]:
            self.state.setdefault("renewed", {})[key] = until.isoformat()
        lot, supplier = values.get("lot"), values.get("supplier")
        if lot and supplier:
            self.state.setdefault("reports", {})[f"{supplier}|{lot}"] = today.isoformat()
        for hold_key, hold in list(holds.items()):
            own = task == hold["task"] or (ref is not None and ref == hold["ref"])
            if own and hold["lot"] and hold["report"]:
                self.state.setdefault("reports", {})[f"{hold['supplier']}|{hold['lot']}"] = today.isoformat()
            same = lot is not None and (lot, supplier or hold["supplier"]) == (hold["lot"], hold["supplier"])
            if own or not self._lacks(hold["supplier"], hold["lot"], hold["report"] and not same):
                yield from self._release(hold_key)
        yield from self._look()

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] != "sale":
            return
        day, papers = self.store.hours.store_day(event.time), None
        forbidden = False
        for permit, categories in self.config.permit_categories.items():
            for line in event["lines"]:
                under = [category for category in categories if category in self._categories(line["gtin"])] if line["qty"] > 0 else []
                if not under:
                    continue
                papers = self._papers(day) if papers is None else papers
                if permit in papers and papers[permit].valid(day):
                    break
                forbidden = True
                yield from self._sale_alert(event, line, permit, under[0], day)
        self.kpi.add("sales_without_permit", int(forbidden))

    @on("inventory.movement")
    def received(self, event):
        if event["kind"] != "receive" or event["qty"] <= 0 or event.get("state") == "proposed":
            return
        supplier = event.get("supplier") or (self.tables.products.get(event["gtin"]) or {}).get("supplier")
        day, lot, gtin = self.store.hours.store_day(event.time), event.get("lot"), event["gtin"]
        if supplier:
            last = self.state.setdefault("received", {})
            last[supplier] = max(last.get(supplier, ""), day.isoformat())
        report = bool(self._categories(gtin) & set(self.config.lot_report_categories))
        lacks = self._lacks(supplier, lot, report, day)
        key = f"{gtin}-{supplier or ''}-{lot or event.id}"
        if not lacks or key in self._holds():
            return
        due = event.time + timedelta(hours=self.config.report_h)
        task = f"hold-{key}"
        self._holds()[key] = {
            "task": task,
            "gtin": gtin,
            "supplier": supplier,
            "lot": lot,
            "report": report,
            "ref": event.id,
            "told": False,
        }
        self.timers.set("silent", key, max(due, self.now))
        self.kpi.set("lots_on_hold", len(self._holds()))
        name, batch = self._name(gtin), f" {lot}" if lot else ""
        what = self.say(
            " and ".join(lacks), "、".join({"lot report": "批次报告", "supplier licence": "供应商许可证"}[one] for one in lacks)
        )
        title = self.say(f"Hold {name}{batch}: no valid {what}", f"暂停上架 {name}{batch}：缺有效{what}")
        line = {"gtin": gtin, "qty": event["qty"], "note": lot}
        yield out("task.create", task=task, kind="hold_lot", title=title, priority=1, role="receiver", due=due, evidence="photo",
                  items=[{name: value for name, value in line.items() if value is not None}],
                  ref={"stream": "inventory.movement", "id": event.id},
                  values={name: value for name, value in (("supplier", supplier), ("lot", lot), ("lacks", lacks)) if value})  # fmt: skip

    @timer("silent")
    def silent(self, due):
        hold = self._holds().get(due.key)
        if hold:
            hold["told"] = True
            yield self._lot_alert(due.key, hold, "open", self.say("No papers were handed in for", "逾期未补交票证："))

    def _lacks(self, supplier, lot, report, day=None):
        """Papers that goods of a supplier and batch lack: a lot report where one is asked for, a licence that has not expired."""
        day = day or self.store.hours.store_day(self.now)
        there = lot is not None and (
            f"{supplier}|{lot}" in self.state.get("reports", {})
            or self.workers.insight.papers.has_report(self.tables.documents.rows(supplier=supplier), lot)
        )
        licence = self._licence(supplier) if supplier else None
        return ["lot report"] * (report and not there) + ["supplier licence"] * bool(licence and licence.expired(day))

    def _release(self, key):
        hold = self._holds().pop(key)
        self.timers.cancel("silent", key)
        self.kpi.set("lots_on_hold", len(self._holds()))
        if hold["told"]:
            yield self._lot_alert(key, hold, "cleared", self.say("Papers are there for", "票证已补齐："))

    def _lot_alert(self, key, hold, state, words):
        text = f"{words} {self._name(hold['gtin'])} {hold['lot'] or ''}".strip()
        return out("alert.raise", alert=f"lot-{key}", kind="lot_without_papers", severity="high" if state == "open" else "info",
                   state=state, subject=hold["gtin"], text=text, ref={"stream": "inventory.movement", "id": hold["ref"]})  # fmt: skip

    def _sale_alert(self, event, line, permit, category, day):
        sold = self.state.setdefault("sold", {})
        if f"{category}|{day}" in sold:
            return
        sold[f"{category}|{day}"] = day.isoformat()
        name = self._name(line["gtin"])
        text = self.say(f"{name} was sold without a valid {permit}", f"{name} 在无有效 {permit} 的情况下售出")
        yield out("alert.raise", alert=f"sale-{category}-{day}", kind="sale_without_permit", severity="critical", state="open",
                  subject=line["gtin"], till=event.get("till"), text=text, ref={"stream": "pos.sale", "id": event.id})  # fmt: skip

    def _papers(self, day):
        """Required papers by name, with what was handed in since the tables were written."""
        engine = self.workers.insight.papers
        papers = engine.own_papers(self.tables.documents.rows(), day) | engine.verified_assets(self.tables.assets.rows())
        oldest = (day - RECEIVED_WITHIN).isoformat()
        for supplier, last in self.state.get("received", {}).items():
            if last >= oldest:
                papers[supplier] = self._licence(supplier)
        return {key: self._renewed(key, paper) for key, paper in sorted(papers.items())}

    def _licence(self, supplier):
        return self._renewed(supplier, self.workers.insight.papers.licence(supplier, self.tables.suppliers.get(supplier)))

    def _renewed(self, key, paper):
        until = self.state.get("renewed", {}).get(key)
        return paper.renewed(date.fromisoformat(until)) if until else paper

    def _look(self):
        """Alert once for each paper that has expired, clear those of papers renewed, and count."""
        today = self.store.hours.store_day(self.now)
        papers, told = self._papers(today), self.state.setdefault("told", [])
        for key in [key for key in told if key not in papers or not papers[key].expired(today)]:
            told.remove(key)
            yield self._paper_alert(key, "cleared", self.say(f"{key} is valid again or no longer needed", f"{key} 已恢复有效或不再需要"))
        for key, paper in papers.items():
            if paper.expired(today) and key not in told:
                told.append(key)
                words = self.say(f"{paper.name} expired on {paper.until}", f"{paper.name} 已于 {paper.until} 到期")
                yield self._paper_alert(key, "open", words)
        self._count(today, papers)

    def _paper_alert(self, key, state, text):
        severity = "info" if state == "cleared" else "critical" if key in self.config.critical else "high"
        asset = key if self.tables.assets.get(key) else None
        return out(
            "alert.raise", alert=f"expired-{key}", kind="paper_expired", severity=severity, state=state, subject=key, asset=asset, text=text
        )

    def _count(self, today, papers):
        valid = sum(paper.valid(today) for paper in papers.values())
        self.kpi.set("papers_valid", 100 * valid / len(papers) if papers else 100)
        self.kpi.set("papers_expired", sum(paper.expired(today) for paper in papers.values()))
        self.kpi.set("lots_on_hold", len(self._holds()))
        return valid

    def _reminder(self, key, paper, days):
        task = f"renew-{key}-{paper.until}-{days}"
        asked = self.state.get("reminders", {})
        oldest = self.store.hours.store_day(self.now) - REPORTS_KEPT
        self.state["reminders"] = {name: row for name, row in asked.items() if date.fromisoformat(row[1]) >= oldest} | {
            task: [key, plain(paper.until)]
        }
        kinds = {row.get("kind") for row in self.tables.documents.rows(document=key)} | {paper.where}
        rows = self.tables.checklists.rows()
        role = next((row["role"] for row in rows if row.get("item") in (key, *kinds) and row.get("role")), "manager")
        title = self.say(f"Renew {paper.name}: expires on {paper.until}", f"续办 {paper.name}：{paper.until} 到期")
        return out("task.create", task=task, kind="renew_paper", title=title, priority=1 if days <= 1 else 2 if days <= 7 else 3, role=role,
                   asset=key if paper.where == "asset" else None, due=self.store.hours.midnight(paper.until + DAY), evidence="value",
                   values={paper.where: key, "expires": paper.until, "days": days})  # fmt: skip

    def _score(self, today, papers):
        valid = self._count(today, papers)
        score = 100 * valid / len(papers) if papers else 100.0
        lacking = [key for key in self.config.critical if key not in papers or not papers[key].valid(today)]
        if papers and lacking:
            score = min(score, self.config.critical_cap)
        notes = [key for key, paper in papers.items() if not paper.valid(today)]
        notes += [key for key in lacking if papers and key not in papers]
        span = {"from": self.store.hours.midnight(today), "to": self.store.hours.midnight(today + DAY)}
        return out("score.report", span, scheme="permits", subject_kind="store", subject=self.store.id, score=score,
                   parts=[{"name": "valid", "value": valid}, {"name": "required", "value": len(papers)}], notes=notes or None)  # fmt: skip

    def _holds(self):
        return self.state.setdefault("holds", {})

    def _categories(self, gtin):
        row = self.tables.products.get(gtin) or {}
        return {row.get("category"), row.get("subcategory")} - {None}

    def _name(self, gtin):
        row = self.tables.products.get(gtin) or {}
        return self.say(row.get("name_en") or row.get("name") or gtin, row.get("name") or gtin)
