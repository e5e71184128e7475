"""How devices and people answer a bundle's commands, and what a command changes in the world."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import MINUTE, Fact, Row, at_local, iso, moment
from storeloom.core.virtual.people_answers import PeopleAnswers
from storeloom.core.virtual.supply import ARRIVAL, delivery_day

if TYPE_CHECKING:
    from storeloom.core.virtual.stock import Item
    from storeloom.core.virtual.store import VirtualStore

Answer = Callable[[Mapping[str, Any], float, Chance], list[Fact]]


def fact(stamp: float, stream: str, source: str, data: Row) -> Fact:
    return Fact(moment(stamp), stream, source, data)


def echo(data: Mapping[str, Any]) -> Row:
    """The command's id, where the command names it."""
    return {"cmd": data["cmd"]} if "cmd" in data else {}


class Devices:
    """Answers drawn from seed, command and time: the same command at the same time is always answered alike."""

    def __init__(self, store: VirtualStore) -> None:
        self.store = store
        people = PeopleAnswers(store)
        self.answers: dict[str, Answer] = {
            "label.update": self._label,
            "payment.request": self._payment,
            "payment.result": self._payment_asked,
            "sign.play": self._sign,
            "audio.play": self._audio,
            "gate.open": self._gate,
            "cabinet.open": self._cabinet,
            "print.job": self._printed,
            "drawer.open": self._drawer,
            "order.propose": self._order,
            "price.set": self._price,
            "robot.go": self._robot,
            "hvac.set": self._hvac,
            "light.set": self._light,
            "refrigeration.set": self._refrigeration,
            "relay.set": self._relay,
            "network.set": self._network,
            "task.create": people.task,
            "message.send": people.message,
            "gig.post": people.gig,
            "approval.request": people.approval,
            "shift.propose": people.shift,
            "coupon.issue": people.coupon,
        }

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> list[Fact]:
        answer = self.answers.get(stream)
        if answer is None:
            return []
        text = json.dumps(data, sort_keys=True, default=str)
        chance = Chance(self.store.world.seed, "command", stream, text, at.isoformat())
        return sorted(answer(data, at.timestamp(), chance), key=lambda entry: entry.received)

    def _label(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        machines = self.store.machines
        state = machines.labels.get(data["label"], "shown")
        if machines.is_down("esl-1", at):
            state = "offline"
        ack: Row = {"label": data["label"], "version": data["version"], "state": state, **echo(data)}
        if state == "shown":
            shown = json.dumps(data["fields"], sort_keys=True, default=str)
            ack |= {
                "hash": hashlib.sha256(shown.encode()).hexdigest()[:16],
                "battery_pct": chance.randint(40, 100),
                "rssi_dbm": -chance.randint(45, 80),
            }
            self.store.cameras.label_price[data["label"]] = data["fields"].get("price")
        elif state == "failed":
            ack["code"] = "REFRESH"
        return [fact(at + chance.uniform(2, 20), "label.ack", "esl-1", ack)]

    def _payment(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        approved = chance.hit(0.97)
        wait = chance.spread(1.2, 0.4)
        result: Row = {key: data[key] for key in ("payment", "amount", "receipt", "order", "session", "till") if key in data}
        result |= {
            "method": data.get("method", "qr"),
            "status": "approved" if approved else "declined",
            "provider": "alipay",
            "latency_ms": round(wait * 1000),
            **echo(data),
        }
        if not approved:
            result |= {"code": "51", "hard": chance.hit(0.3)}
        return [fact(at + wait, "payment.result", "payment-1", result)]

    def _payment_asked(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        return self._payment(data, at, chance) if data["status"] == "asked" else []

    def _sign(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """One pass through the playlist."""
        stamp = max(at + 1, _stamp(data.get("from"), at))
        told: list[Fact] = []
        for item in data["items"]:
            duration = float(item["duration_s"])
            played: Row = {
                "screen": data["screen"],
                "asset": item["asset"],
                "started": iso(stamp),
                "duration_s": duration,
                "complete": True,
                "audience": chance.poisson(2),
                **echo(data),
            }
            if "campaign" in item:
                played["campaign"] = item["campaign"]
            stamp += duration
            told.append(fact(stamp, "sign.played", "screen-1", played))
        return told

    def _audio(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        duration = round(max(3.0, len(data.get("text") or "") / 4.5) if data.get("text") else chance.uniform(15, 30), 1)
        duration *= int(data.get("repeat") or 1)
        played: Row = {key: data[key] for key in ("zone", "kind", "speaker", "asset") if key in data}
        played |= {
            "started": iso(at + 1),
            "duration_s": duration,
            "complete": True,
            "noise_db": round(chance.uniform(52, 66), 1),
            **echo(data),
        }
        return [fact(at + 1 + duration, "audio.played", "speaker-1", played)]

    def _gate(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        base: Row = {"gate": data["gate"], **echo(data)} | ({"direction": data["direction"]} if "direction" in data else {})
        source = data["gate"] if data["gate"] in self.store.world.devices else "gate-1"
        told = [fact(at + 0.6, "gate.state", source, {**base, "kind": "held" if data.get("hold") else "opened"})]
        if not data.get("hold"):
            told.append(fact(at + 0.6 + float(data.get("seconds") or 5), "gate.state", source, {**base, "kind": "closed"}))
        return told

    def _cabinet(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        base: Row = {"cabinet": data["cabinet"], "session": data["session"], **echo(data)} | (
            {"cell": data["cell"]} if "cell" in data else {}
        )
        source = data["cabinet"] if data["cabinet"] in self.store.world.devices else "cabinet-1"
        shut = at + 1 + chance.uniform(6, 40)
        return [
            fact(at + 1, "cabinet.event", source, {**base, "kind": "opened", "seq": 1}),
            fact(shut, "cabinet.event", source, {**base, "kind": "closed", "seq": 2}),
        ]

    def _status(self, at: float, device: str, kind: str, data: Mapping[str, Any], **metrics: object) -> list[Fact]:
        source = (
            device
            if device in self.store.world.devices
            else next(key for key, row in self.store.world.devices.items() if row["kind"] == kind)
        )
        status: Row = {"device": device, "kind": kind, "state": "online", **echo(data)}
        return [fact(at + 1.5, "device.status", source, status | ({"metrics": metrics} if metrics else {}))]

    def _printed(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        out = chance.hit(0.01)
        told = self._status(at, data["printer"], "printer", data, paper="out" if out else "ok", job=data["job"])
        if out:
            told[0].data.update({"state": "fault", "code": "PAPER_OUT"})
        return told

    def _drawer(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        opened: Row = {"kind": "drawer_open", "till": data["till"], "reason": data["reason"]}
        opened |= {key: data[key] for key in ("cashier", "receipt") if key in data}
        return [*self._status(at, data["drawer"], "drawer", data), fact(at + 0.5, "pos.exception", "till-1", opened)]

    def _order(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """A final order is shipped; from then on its items are the bundle's to order, no longer the store's own policy's."""
        if data["stage"] != "final":
            return []
        stock, supply = self.store.stock, self.store.supply
        by_supplier: dict[str, list[tuple[Item, int]]] = {}
        for line in data["lines"]:
            item = stock.items.get(line["gtin"])
            if item is None or line["qty"] <= 0:
                continue
            item.ordered_by_command = True
            supplier = data.get("supplier") or data.get("from_store") or supply.supplier_of(item)
            by_supplier.setdefault(str(supplier), []).append((item, item.units(float(line["qty"]))))
        told: list[Fact] = []
        for supplier, lines in by_supplier.items():
            told += supply.ship(at, supplier, lines, self._arrival(data, supplier, at), order=str(data["proposal"]))
        return told

    def _arrival(self, data: Mapping[str, Any], supplier: str, at: float) -> float:
        world = self.store.world
        today = world.local(at).date()
        row = next((row for row in world.tables["lead_times"] if row["supplier"] == supplier), None)
        earliest = today if row is None else delivery_day(today, row)
        asked = date.fromisoformat(data["deliver_on"]) if data.get("deliver_on") else earliest
        arrival = at_local(max(asked, earliest), ARRIVAL, world.zone)
        return arrival if arrival > at + 60 * MINUTE else at + 180 * MINUTE

    def _price(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """Approved store-wide prices act on demand from their time on; lot, member and basket prices change nothing here."""
        decided = data.get("state", data.get("status", "approved"))
        if decided != "approved" or data.get("scope") or data["gtin"] not in self.store.stock.items:
            return []
        until = None if not data.get("to") else _stamp(data["to"], at)
        begin = max(at, _stamp(data["from"], at))

        def act(_: float) -> None:
            self.store.prices.put(data["gtin"], int(data["price"]), until)
            self.store.demand.price_changed()

        self.store.world.schedule(begin, act)
        if until is not None:
            self.store.world.schedule(until, lambda _: self.store.demand.price_changed())
        return []

    def _robot(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        told: list[Fact] = []
        stamp = at
        for node in () if data.get("cancel") else data["nodes"]:
            stamp += chance.uniform(8, 25)
            seen: Row = {
                "robot": data["robot"],
                "kind": "position",
                "x": node["x"],
                "y": node["y"],
                "order": data["order"],
                "battery_pct": 76.0,
            }
            told.append(fact(stamp, "robot.observation", "robot-1", seen | echo(data)))
        return told

    def _hvac(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        building = self.store.building

        def act(now: float) -> None:
            setpoint = data.get("setpoint_c")
            cold = any(data["unit"] in {c.asset, f"case-{c.asset}"} for c in building.cabinets)
            if cold:
                building.refrigeration(data["unit"], setpoint, data.get("mode") == "defrost", now)
            elif setpoint is not None:
                building.hvac_setpoint_c = float(setpoint)

        self.store.world.schedule(at, act)
        return self._status(at, data["unit"], "hvac", data)

    def _refrigeration(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        building = self.store.building
        self.store.world.schedule(
            at, lambda now: building.refrigeration(data["asset"], data.get("setpoint_c"), bool(data.get("defrost")), now)
        )
        return self._status(at, data["asset"], "refrigeration", data)

    def _light(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        building = self.store.building

        def act(_: float) -> None:
            building.light(data["group"], float(data["level_pct"]))

        self.store.world.schedule(at, act)
        return self._status(at, data["group"], "lighting", data, level_pct=data["level_pct"])

    def _relay(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        return self._status(at, data["relay"], "relay", data, on=data["on"])

    def _network(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        return self._status(at, data["device"], "network", data)


def _stamp(text: object, otherwise: float) -> float:
    if not text:
        return otherwise
    value = datetime.fromisoformat(str(text))
    return value.timestamp() if value.tzinfo else otherwise
