"""`fleet stores|rollout|watch`: a chain's stores as their agents tell, and the way of a release over them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.fleet_client import client
from storeloom.core.control.client import FleetClient, part
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.sources import open_document

ORDERS = ("start", "pause", "resume", "abort", "rollback")
LOOK_S = 2.0
OVER = frozenset({"done", "aborted", "rolled_back"})
STATES = {
    "planned": "已计划",
    "running": "进行中",
    "paused": "已暂停",
    "rolling_back": "回退中",
    "done": "已完成",
    "aborted": "已中止",
    "rolled_back": "已回退",
    "waiting": "等待",
    "open": "更新中",
    "watching": "观察中",
    "passed": "已通过",
    "failed": "未通过",
}
ORDER = ("waiting", "offered", "updating", "watching", "done", "failed", "taken_back", "skipped")


def stores(arguments: argparse.Namespace) -> int:
    """Every open store with its agent: what it is to run, what it runs, how it is."""
    ask, zh = client(arguments), arguments.lang == "zh"
    agents = {row["store"]: row for row in ask.pages("/agents")}
    rows = [{"store": one["id"], "name": one["name"], "agent": agents.get(one["id"])} for one in ask.pages("/stores") if not one["closed"]]
    if arguments.json:
        print_json(rows)
        return 0
    if not rows:
        print("尚无门店：POST /stores" if zh else "no stores yet: POST /stores")
    for row in rows:
        agent = row["agent"]
        if agent is None:
            said = f"无代理：POST /stores/{row['store']}/enrolment" if zh else f"no agent: POST /stores/{row['store']}/enrolment"
        else:
            mark = "=" if agent["actual"] == agent["desired"] else ">"
            said = f"{agent['state']:<14} {agent['actual'] or '-'} {mark} {agent['desired'] or '-'}  {agent['seen'] or '-'}"
        print(f"{row['store']:<24} {said}")
    return 0


def rollout(arguments: argparse.Namespace) -> int:
    """`rollout new RELEASE` plans one by the release's present plan; `rollout ORDER ID` steers it; `rollout` lists them."""
    ask, names = client(arguments), list(arguments.names)
    if not names:
        found = list(ask.pages("/rollouts"))
        if arguments.json:
            print_json(found)
        for row in () if arguments.json else found:
            print(f"{row['id']}  {_state(row['state'], arguments.lang):<12}  {row['release']}  {_counts(row['stores'])}")
        return 0
    if len(names) != 2 or names[0] not in ("new", *ORDERS):
        allowed = ", ".join(("new RELEASE", *(f"{order} ID" for order in ORDERS)))
        reason = {"en": f"rollout takes nothing, or one of: {allowed}", "zh": f"rollout 后不带参数，或为：{allowed}"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom fleet rollout"}))
    order, name = names
    told = _new(ask, arguments, name) if order == "new" else ask.post(f"/rollouts/{part(name)}/{order}", _body(arguments, order)).body
    _show(told, arguments)
    return 0


def watch(arguments: argparse.Namespace) -> int:
    """Follow a roll-out until it is over or paused; 0 where it is done."""
    if len(arguments.names) != 1:
        reason = {"en": "watch takes the id of a roll-out", "zh": "watch 需要一个发布任务编号"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom fleet watch"}))
    ask, path = client(arguments), f"/rollouts/{part(arguments.names[0])}"

    def look() -> dict[str, Any]:
        return dict(ask.get(path).body)

    told = look()
    if sys.stdout.isatty() and not arguments.json:
        from rich.live import Live

        with Live(_table(told, arguments.lang), auto_refresh=False) as live:
            while not _rests(told):
                time.sleep(LOOK_S)
                told = look()
                live.update(_table(told, arguments.lang), refresh=True)
    else:
        said = None
        while True:
            line = _line(told, arguments.lang)
            if line != said and not arguments.json:
                print(line, flush=True)
            said = line
            if _rests(told):
                break
            time.sleep(LOOK_S)
            told = look()
    if arguments.json:
        print_json(told)
    elif told["reason"]:
        print(_why(told["reason"], arguments.lang))
    return 0 if told["state"] == "done" else 1


def _new(ask: FleetClient, arguments: argparse.Namespace, release: str) -> dict[str, Any]:
    strategy = dict(open_document(Path(arguments.strategy)).data) if arguments.strategy else {"waves": _careful()}
    plan = arguments.plan_digest or ask.post("/plans", {"release": release}).body["digest"]
    body = {"release": release, "strategy": strategy, "plan_digest": plan, "start": arguments.start}
    return dict(ask.post("/rollouts", body).body)


def _careful() -> list[dict[str, Any]]:
    steps = (("canary", 0.1), ("first hundredth", 1), ("tenth", 10), ("half", 50), ("all", 100))
    return [{"name": name, "percent": percent} for name, percent in steps]


def _body(arguments: argparse.Namespace, order: str) -> dict[str, Any] | None:
    if order == "start":
        return None
    return {"note": arguments.notes, **({"accept": arguments.accept} if order == "resume" else {})}


def _rests(told: Mapping[str, Any]) -> bool:
    return told["state"] in OVER or told["state"] in ("paused", "planned")


def _state(word: str, lang: str) -> str:
    return STATES.get(word, word) if lang == "zh" else word


def _counts(stores: Mapping[str, int]) -> str:
    return "  ".join(f"{state} {stores[state]}" for state in ORDER if stores.get(state))


def _line(told: Mapping[str, Any], lang: str) -> str:
    wave = next((one for one in told["waves"] if one["state"] != "passed"), None)
    at = "" if wave is None else f"  [{wave['number'] + 1}/{len(told['waves'])} {wave['name']}: {_state(wave['state'], lang)}]"
    return f"{_state(told['state'], lang)}{at}  {_counts(told['stores'])}"


def _show(told: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(told)
    else:
        print(f"{told['id']}  {_line(told, arguments.lang)}")


def _why(reason: Mapping[str, Any], lang: str) -> str:
    said = "  ".join(f"{key}={value}" for key, value in reason.items() if isinstance(value, (str, int, float)) and value != "")
    return f"原因：{said}" if lang == "zh" else f"because: {said}"


def _table(told: Mapping[str, Any], lang: str) -> Any:
    from rich.table import Table

    shown = Table(title=_line(told, lang), title_justify="left")
    heads = ("批次", "状态", *ORDER) if lang == "zh" else ("wave", "state", *ORDER)
    for head in heads:
        shown.add_column(head, justify="left" if head in heads[:2] else "right")
    for wave in told["waves"]:
        shown.add_row(wave["name"], _state(wave["state"], lang), *(str(wave["stores"].get(state, "")) for state in ORDER))
    return shown
