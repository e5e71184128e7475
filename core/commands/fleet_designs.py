"""`fleet release|plan|explain|quote`: a chain's bundles, before and while they become releases."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.core.commands.bundles import report_findings
from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.fleet_client import client
from storeloom.core.control.client import part, told_finding
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.schemas import show

LOOK_S = 0.5
RESTARTS = {
    "first": ("first start", "首次启动"),
    "store": ("store profile", "门店档案"),
    "profiles": ("runtime profiles", "运行档案"),
    "arbitrate": ("arbitration", "仲裁"),
    "runtime": ("runtime settings", "运行设置"),
    "packages": ("vendors' packages", "供应商软件包"),
    "storeloom": ("another storeloom", "storeloom 版本不同"),
}
FITS = {
    "yes": ("fits", "可承载"),
    "no": ("does not fit", "无法承载"),
    "perhaps": ("may not fit", "可能不足"),
    "unknown": ("no host", "未知"),
}


def release(arguments: argparse.Namespace) -> int:
    """Make a release and wait until it stands, telling how far it is."""
    ask, zh = client(arguments), arguments.lang == "zh"
    body = {"name": _only(arguments, "NAME"), "notes": arguments.notes, "choice": _choice(arguments)}
    job = ask.post("/releases", body).body
    while job["state"] not in ("done", "failed"):
        _tell(job, zh)
        time.sleep(LOOK_S)
        job = ask.get(f"/release-jobs/{part(job['id'])}").body
    _tell(job, zh, last=True)
    made = ask.get(f"/releases/{part(job['release'])}").body if job["release"] else None
    if arguments.json:
        print_json({"job": job, "release": made})
    else:
        report_findings([told_finding(one["finding"]) for one in job["findings"]], arguments.lang)
        if made is not None:
            words = "发布 {number}：{stores} 家门店，{id}" if zh else "release {number}, stores: {stores}, {id}"
            print(words.format(**made))
    return 0 if made is not None else 1


def plan(arguments: argparse.Namespace) -> int:
    """What a release would change, group by group of like stores; nothing changes."""
    asked = {"release": _only(arguments, "RELEASE"), "choice": _choice(arguments)}
    ask, zh = client(arguments), arguments.lang == "zh"
    told = ask.post("/plans", asked).body
    while len(told["groups"]) < told["groups_in_all"]:
        told["groups"] += ask.post("/plans", {**asked, "skip": len(told["groups"])}).body["groups"]
    if arguments.json:
        print_json(told)
        return 0
    words = (
        "发布 {number}：{stores} 家门店；在营更换 {swapped_live}，重启 {restarted}，首次 {first}，不变 {unchanged}"
        if zh
        else "release {number}, stores: {stores}; swapped live {swapped_live}, restarted {restarted}, first {first}, unchanged {unchanged}"
    )
    print(words.format(**told))
    moves = (
        "迁移：升 {migrations_up}，降 {migrations_down}；下载 {mb:.1f} MB"
        if zh
        else "migrations up {migrations_up}, down {migrations_down}"
    )
    print((moves if zh else moves + "; download {mb:.1f} MB").format(**told, mb=told["download"] / 1e6))
    for group in told["groups"]:
        _print_group(group, zh)
    for store, names in told["secrets"].items():
        print(f"{store}: {'缺少密钥' if zh else 'lacks the secrets'} {', '.join(names)}")
    print(f"{'摘要' if zh else 'digest'} {told['digest']}")
    return 0


def explain(arguments: argparse.Namespace) -> int:
    """Each value of a store, where it comes from, and what it overrode."""
    if len(arguments.names) not in (1, 2):
        raise _misuse("STORE [PATH]")
    store, path = arguments.names[0], arguments.names[1] if len(arguments.names) == 2 else ""
    pointer = path if path.startswith("/") or not path else "/" + path.replace(".", "/")
    told = client(arguments).get(f"/stores/{part(store)}/explain", {"path": pointer or None}).body
    if arguments.json:
        print_json(told)
        return 0
    for row in told["values"]:
        before = "".join(f"  ({_layer(one)}: {show(one['value'])})" for one in row["overrode"])
        print(f"{row['path']} = {show(row['value'])}  [{_layer(row['origin'])}]{before}")
    return 0


def quote(arguments: argparse.Namespace) -> int:
    """A store's parts, cost, energy and capacity, from least to most."""
    told, zh = client(arguments).get(f"/stores/{part(_only(arguments, 'STORE'))}/quote").body, arguments.lang == "zh"
    if arguments.json:
        print_json(told)
        return 0
    unknown = "未知" if zh else "not known"
    for one in told["parts"]:
        cost = unknown if one["cost"] is None else f"{_money(one['cost'])} {told['currency']}"
        energy = unknown if one["energy_kwh_year"] is None else f"{_span(one['energy_kwh_year'])} kWh/{'年' if zh else 'a'}"
        print(f"{one['count']:>5} x {one['kind']:<32} {cost:>28}  {energy:>24}")
    least = "" if told["complete"] else ("（下限，含未知项）" if zh else " (at least: something is not known)")
    print(f"{'成本' if zh else 'cost'} {_money(told['cost'])} {told['currency']}{least}")
    print(f"{'能耗' if zh else 'energy'} {_span(told['energy_kwh_year'])} kWh/{'年' if zh else 'a'}{least}")
    for key, unit in (("cores", "核" if zh else "cores"), ("memory_mb", "MB")):
        load = told[key]
        have = "–" if load["have"] is None else f"{load['have']:g}"
        print(f"{_span(load['need'])} / {have} {unit}: {FITS[load['fits']][zh]}")
    for kind in told["lacking"]:
        print(f"{'缺少设备' if zh else 'lacks a device of kind'} {kind}")
    return 0


def _print_group(group: Mapping[str, Any], zh: bool) -> None:
    stores = group["stores"]
    named = ", ".join(stores[:5]) + (" ..." if len(stores) > 5 else "")
    if group["nothing"]:
        print(f"  {len(stores)}: {named}: {'不变' if zh else 'nothing changes'}")
        return
    why = ", ".join(RESTARTS[reason][zh] for reason in group["restart"])
    how = (f"{'重启' if zh else 'restart'} ({why})") if why else ("在营更换" if zh else "swapped live")
    print(f"  {len(stores)}: {named}: {how}, {group['download'] / 1e6:.1f} MB")
    for sign, key in (("+", "added"), ("-", "removed")):
        for one in group[key]:
            print(f"    {sign} {one['instance']} {one['solution']} {one['version']}")
    for one in group["changed"]:
        version = "" if one["version_before"] == one["version_after"] else f" {one['version_before']} -> {one['version_after']}"
        print(f"    ~ {one['instance']}{version}")
        _print_values([value for key in ("config", "devices", "sources") for value in one[key]])
    for sign, key in (("+", "devices_added"), ("-", "devices_removed"), ("~", "devices_changed")):
        for one in group[key]:
            print(f"    {sign} {one['kind']} {one['id']}")
            _print_values(one["values"])
    _print_values(group["store"])


def _print_values(values: Sequence[Mapping[str, Any]]) -> None:
    for value in values:
        print(f"        {value['path']}: {show(value['before'])} -> {show(value['after'])}")


def _tell(job: Mapping[str, Any], zh: bool, *, last: bool = False) -> None:
    """How far a job is, on a terminal."""
    if not sys.stderr.isatty():
        return
    states = {"composing": ("composing", "组合中"), "publishing": ("signing", "签名中"), "waiting": ("waiting", "等待中")}
    text = "" if last else f"{states.get(job['state'], ('', ''))[zh]} {job['done']}/{job['total']}"
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _choice(arguments: argparse.Namespace) -> dict[str, Any]:
    stores = None if arguments.stores is None else [name.strip() for name in arguments.stores.split(",") if name.strip()]
    given = {"stores": stores, "region": arguments.region, "tag": arguments.tag, "ring": arguments.ring}
    return {key: value for key, value in given.items() if value is not None}


def _only(arguments: argparse.Namespace, what: str) -> str:
    if len(arguments.names) != 1:
        raise _misuse(what)
    return str(arguments.names[0])


def _misuse(wanted: str) -> MisuseFault:
    reason = {"en": f"the following arguments are required: {wanted}", "zh": f"缺少参数：{wanted}"}
    return MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom fleet"}))


def _layer(said: Mapping[str, Any]) -> str:
    return said["level"] if said["design"] is None else f"{said['level']} {said['design']} rev {said['revision']}"


def _span(span: Mapping[str, float]) -> str:
    return f"{span['low']:g}" if span["low"] == span["high"] else f"{span['low']:g} – {span['high']:g}"


def _money(span: Mapping[str, float]) -> str:
    return _span({key: value / 100 for key, value in span.items()})
