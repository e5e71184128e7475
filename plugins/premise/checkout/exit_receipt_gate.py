"""Exit receipt gate: for self-service areas: the gate opens for a paid, fresh, unused receipt, spot-checks a fair few and keeps working
when the network does not.

A scanner serves the gate of its zone or of the `gate` in its settings; digits alone are goods at a till and no receipt. Why a code is
refused is said at the gate, and stands as `reason` of `audio.play`; a forged one is alerted too. A receipt whose sale was voided is
refused. A check is the task `exit_check:<receipt>`: done passes, `failed`, `rejected`, or `missing` in values fail; the total of the sale
counts, without one that of the code. Who passes within `open_s` uses up the oldest opening that is free.

Staff open with their badge at the scanner, or with the gate's own button (`gate.state` opened or granted, with staff). The store's own
sign (`store:` and its id), which they scan where a round begins and ends, opens nothing. Smoke, gas, a power sensor at 0 and a gate's
fault hold the gate open. `offline` counts openings for a signed code without its sale.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import exit_code, exit_gate
from storeloom.workers.checkout.stations import station_of

SAME_SCAN, KEPT_LONGER = timedelta(seconds=3), timedelta(minutes=60)
FIRE, POWER = ("smoke", "gas"), ("power", "mains")
WORDS = {
    "forged": ("This is no receipt of ours", "小票无效"),
    "late": ("This receipt is too old, please ask staff", "小票已超时，请联系店员"),
    "used": ("This receipt was used", "小票已使用"),
    "void": ("This receipt was cancelled", "小票已作废"),
    "check": ("A short check, please wait for staff", "请稍候，店员将核对小票"),
    "tailgate": ("One person at a time, please", "请逐一通过"),
    "fire": ("Fire alarm: the gate is open", "火警：闸机已打开"),
    "power": ("Power failure: the gate is open", "断电：闸机已打开"),
    "fault": ("The gate is out of order and open", "闸机故障，已打开"),
}


class ExitReceiptGate(Solution):
    number = 183
    zh, en = "自助区出口小票核验闸机", "Exit receipt gate"
    purpose_zh = "自助区出口凭已付、未过期、未使用的小票开闸，公平抽查，断网照常放行。"
    formats = ("supermarket", "convenience")
    produces = ("gate.open", "task.create", "alert.raise", "audio.play")
    adapters = ("gate", "scanner", "audio?")
    kpis = {
        "passages": kpi("count", "Passages", "通行人次"),
        "refused_rate": kpi("%", "Scans refused", "拒绝率"),
        "spot_check_fail_rate": kpi("%", "Spot checks failed", "抽查不合格率"),
        "tailgates": kpi("count", "Tailgates", "尾随次数"),
        "offline": kpi("count", "Openings without the sale", "离线放行次数"),
    }
    kinds = {
        "exit_check": ("Check the goods against the receipt", "核对商品与小票"),
        "exit_check_failed": ("Goods not on the receipt", "商品与小票不符"),
        "forged_receipt": ("Forged receipt at the exit", "出口伪造小票"),
        "tailgate": ("Two passed on one receipt", "尾随通过"),
        "gate_forced": ("Gate forced", "闸机被强行通过"),
        "gate_held_open": ("Gate held open", "闸机常开"),
    }

    class Config(SolutionConfig):
        valid_min: int = setting(30, "Life of a receipt", "小票有效期", unit="min", ge=1, le=240,
            help_en="Opens the gate for so long after payment.", help_zh="付款后在此时间内可开闸。")  # fmt: skip
        uses: int = setting(1, "Openings per receipt", "每张小票次数", ge=1, le=10,
            help_en="Each used up by a passage.", help_zh="每次通行用掉一次。")  # fmt: skip
        pos_wait_s: float = setting(3, "Wait for the sale", "等待销售数据", unit="s", ge=0, le=15,
            help_en="That is still on its way.", help_zh="等待仍在途中的销售。")  # fmt: skip
        open_s: int = setting(5, "Gate stays open", "开闸时长", unit="s", ge=2, le=30,
            help_en="For each opening.", help_zh="每次开闸。")  # fmt: skip
        check_p: float = setting(0.02, "Chance of a spot check", "抽查概率", ge=0, le=1,
            help_en="Drawn from the receipt's number.", help_zh="由小票号推算。")  # fmt: skip
        check_value: int = setting(20000, "Dear receipts", "高额起点", unit="minor", ge=0, le=10000000,
            help_en="From here on the higher chance counts.", help_zh="达到此金额用较高概率。")  # fmt: skip
        check_p_high: float = setting(0.05, "Chance for dear receipts", "高额抽查概率", ge=0, le=1,
            help_en="Of a spot check.", help_zh="高额小票的抽查概率。")  # fmt: skip
        key_ref: str = setting("receipt_key", "Key that signs receipt codes", "小票码签名密钥", widget="secret", min_length=1,
            help_en="Name of the secret, for use without a network.", help_zh="密钥的名称，用于断网核验。")  # fmt: skip

    # --- codes ---

    @on("scanner.code")
    def scanned(self, event):
        gate, code = self._gate("scanner", event["scanner"]), event["code"].strip()
        if code == f"store:{self.store.id}":
            return
        if event.get("staff"):
            yield from self._open(gate, None, "staff")
            return
        if code.isdigit():
            return
        recent = {one: at for one, at in self.state.get("recent", {}).items() if event.time - parse_time(at) <= SAME_SCAN}
        if code in recent:
            return
        self.state["recent"] = {**recent, code: plain(event.time)}
        self.kpi.share("refused_rate", 0, 1)
        found = exit_code.read(code, self.secret(self.config.key_ref))
        if found is None:
            yield from self._refuse(gate, "forged")
            yield self._alert(f"forged:{gate}:{plain(event.time)}", "forged_receipt", "high", gate, gate)
            return
        known = self._receipt(found.receipt)
        if exit_gate.late(found.paid, event.time, timedelta(minutes=self.config.valid_min)):
            yield from self._refuse(gate, "late")
        elif known["used"] >= self.config.uses:
            yield from self._refuse(gate, "used")
        elif known["void"]:
            yield from self._refuse(gate, "void")
        else:
            known |= {"gate": gate, "code_total": found.total, "checked": known["checked"] or found.checked}
            if known["total"] is None and not known["offline"]:
                self.timers.set("wait", found.receipt, self.now + timedelta(seconds=self.config.pos_wait_s))
            else:
                yield from self._decide(found.receipt, known)

    def _receipt(self, receipt):
        """What is known of a receipt; kept for an hour longer than it is valid."""
        fresh = {"total": None, "void": False, "used": 0, "check": None, "checked": False, "offline": False, "gate": None, "code_total": 0}
        self.timers.set("forget", receipt, self.now + timedelta(minutes=self.config.valid_min) + KEPT_LONGER)
        return self.state.setdefault(f"receipt:{receipt}", fresh)

    @timer("forget")
    def forget(self, due):
        self.state.pop(f"receipt:{due.key}", None)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "void":
            self._receipt(event.get("original") or event["receipt"])["void"] = True
        elif event["kind"] == "sale":
            known = self._receipt(event["receipt"])
            known["total"] = event["total"]
            if self.timers.get("wait", event["receipt"]):
                self.timers.cancel("wait", event["receipt"])
                yield from self._decide(event["receipt"], known)

    @timer("wait")
    def no_sale(self, due):
        known = self.state[f"receipt:{due.key}"]
        if known["void"]:
            yield from self._refuse(known["gate"], "void")
            return
        known["offline"] = True
        self.kpi.add("offline")
        yield from self._decide(due.key, known)

    def _decide(self, receipt, known):
        """Open, or look into a fair few first."""
        total = known["code_total"] if known["total"] is None else known["total"]
        chance = self.config.check_p_high if total >= self.config.check_value else self.config.check_p
        if known["check"] == "failed":
            yield from self._refuse(known["gate"], "check")
        elif known["checked"] or known["check"] == "passed" or exit_code.draw(receipt) >= chance:
            yield from self._open(known["gate"], receipt, "receipt")
        elif known["check"] is None:
            known["check"] = "waits"
            title = f"{self.say(*self.kinds['exit_check'])}: {receipt}"
            yield out("task.create", task=f"exit_check:{receipt}", kind="exit_check", title=title, priority=1, role="attendant",
                      zone=self._zone(known["gate"]), values={"receipt": receipt, "total": total, "gate": known["gate"]})  # fmt: skip
            yield self._say(known["gate"], "check")

    @on("task.done?")
    def looked(self, event):
        receipt = event["task"].removeprefix("exit_check:")
        known = self.state.get(f"receipt:{receipt}") if event["task"].startswith("exit_check:") else None
        if known is None or known["check"] != "waits" or event["state"] not in ("done", "approved", "failed", "rejected"):
            return
        failed = exit_gate.check_failed(event["state"], event.get("values") or {})
        self.kpi.share("spot_check_fail_rate", int(failed), 1)
        known["check"] = "failed" if failed else "passed"
        if failed:
            yield self._alert(f"exit_check:{receipt}", "exit_check_failed", "high", known["gate"], receipt)
        else:
            yield from self._open(known["gate"], receipt, "checked")

    # --- the gate ---

    def _open(self, gate, receipt, reason):
        left = self.config.uses - self.state[f"receipt:{receipt}"]["used"] if receipt else 1
        exit_gate.opened(self.state.setdefault(f"gate:{gate}", []), receipt, self.now, self.config.open_s, left)
        yield out("gate.open", gate=gate, direction="out", seconds=self.config.open_s, reason=reason)

    @on("gate.state")
    def moved(self, event):
        gate, kind = self._gate("gate", event["gate"]), event["kind"]
        if kind == "passed" and event.get("direction", "out") == "out":
            for _ in range(event.get("count", 1)):
                yield from self._passed(gate, event.time)
        elif kind in ("opened", "granted") and event.get("staff"):
            exit_gate.opened(self.state.setdefault(f"gate:{gate}", []), None, self.now, self.config.open_s)
        elif kind == "forced":
            yield self._alert(f"forced:{gate}:{plain(event.time)}", "gate_forced", "critical", gate, gate)
        elif kind == "fault":
            yield from self._hold([gate], "fault")
        elif kind == "closed" and self.state.get(f"held:{gate}") == "fault":
            yield from self._release(gate)

    def _passed(self, gate, at):
        self.kpi.add("passages")
        opening, tailgate = exit_gate.passed(self.state.setdefault(f"gate:{gate}", []), at)
        receipt = opening and opening["receipt"]
        if opening and opening["passed"] == 1 and receipt and f"receipt:{receipt}" in self.state:
            self.state[f"receipt:{receipt}"]["used"] += 1
        if tailgate and receipt:
            self.kpi.add("tailgates")
            yield self._say(gate, "tailgate")
            yield self._alert(f"tailgate:{gate}:{plain(at)}", "tailgate", "warn", gate, receipt)

    @on("sensor.reading?")
    def sensed(self, event):
        """Fire and a loss of power open every gate."""
        why = "fire" if event["kind"] in FIRE else "power" if event["kind"] in POWER else None
        if why is None or event.get("quality") == "bad":
            return
        gates = [one.id for one in self.devices.get("gate", ())] or ["gate"]
        if bool(event["value"]) == (why == "fire"):
            yield from self._hold([gate for gate in gates if f"held:{gate}" not in self.state], why)
        else:
            for gate in gates:
                if self.state.get(f"held:{gate}") == why:
                    yield from self._release(gate)

    def _hold(self, gates, why):
        for gate in gates:
            self.state[f"held:{gate}"] = why
            yield out("gate.open", gate=gate, direction="both", reason=why, hold=True)
            yield self._say(gate, why, "evacuation" if why == "fire" else "safety")
            yield self._alert(f"held:{gate}", "gate_held_open", "critical" if why == "fire" else "high", gate, gate, self.say(*WORDS[why]))

    def _release(self, gate):
        del self.state[f"held:{gate}"]
        yield self._alert(f"held:{gate}", "gate_held_open", "info", gate, gate, state="cleared")

    def _refuse(self, gate, why):
        self.kpi.share("refused_rate", 1, 0)
        yield self._say(gate, why)

    def _say(self, gate, why, kind="staff"):
        return out("audio.play", zone=self._zone(gate) or gate, kind=kind, text=self.say(*WORDS[why]), reason=why)

    def _alert(self, alert, kind, severity, gate, subject, text=None, state="open"):
        return out("alert.raise", alert=alert, kind=kind, severity=severity, state=state, subject=subject, zone=self._zone(gate),
                   asset=gate, text=text or self.say(*self.kinds[kind]))  # fmt: skip

    def _gate(self, kind, device):
        gates = self.devices.get("gate", ())
        return station_of(gates, "gate", self.devices.get(kind, ()), device) or device

    def _zone(self, gate):
        return next((one.zone for one in self.devices.get("gate", ()) if one.id == gate), None)
