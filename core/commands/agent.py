"""`agent`: enrol this store with its control plane, run its agent, look at it, print its systemd unit."""

from __future__ import annotations

import argparse
import getpass
import logging
from datetime import UTC, datetime
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault

ROWS = (
    ("server", "control plane", "控制平面"),
    ("chain", "chain", "连锁"),
    ("store", "store", "门店"),
    ("state", "state", "状态"),
    ("wanted", "wanted release", "目标发布"),
    ("running", "running release", "运行中的发布"),
    ("good", "proved good", "已验证良好"),
    ("watched_s", "watched, s", "已观察秒数"),
    ("reports_waiting", "reports waiting", "待上报条数"),
    ("token_expires", "token good until", "令牌有效期至"),
    ("data", "store's data", "门店数据目录"),
)
STATES = {
    "enrolled": "已注册",
    "downloading": "下载中",
    "installing": "安装中",
    "checking": "检查中",
    "waiting": "等待维护窗口",
    "switching": "切换中",
    "watching": "观察新版本",
    "good": "运行良好",
    "falling_back": "回退中",
    "refused": "已拒绝该发布",
}


def agent(arguments: argparse.Namespace) -> int:
    """Do the action."""
    return {"enrol": _enrol, "run": _run, "status": _status, "unit": _unit}[arguments.action](arguments)


def _enrol(arguments: argparse.Namespace) -> int:
    from storeloom.core.agent.enrolling import enrol
    from storeloom.core.agent.home import Home

    if not arguments.server or not arguments.code:
        raise _misuse("enrol needs --server and --code", "enrol 需要 --server 与 --code")
    data = Path(arguments.data) if arguments.data else None
    identity = enrol(
        Home(Path(arguments.home)),
        arguments.server,
        arguments.code,
        now=datetime.now(UTC),
        data=data,
        ca=arguments.ca or "",
        again=arguments.again,
    )
    if arguments.json:
        print_json({"ok": True, "chain": identity.chain, "store": identity.store, "data": identity.data})
    else:
        zh = arguments.lang == "zh"
        said = (
            "已登记为 {0}/{1}；启动：storeloom agent run --home {2}" if zh else "enrolled as {0}/{1}; start: storeloom agent run --home {2}"
        )
        print(said.format(identity.chain, identity.store, arguments.home))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from storeloom.core.agent.home import Home
    from storeloom.core.agent.working import claim, make_agent, work

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    home = Home(Path(arguments.home).absolute())
    home.identity()
    claim(home)
    work(*make_agent(home, listen=arguments.listen))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from storeloom.core.agent.home import Home
    from storeloom.core.agent.working import told

    facts = told(Home(Path(arguments.home)))
    if arguments.json:
        print_json({"ok": True, **facts})
        return 0
    zh = arguments.lang == "zh"
    for key, en, words in ROWS:
        value = STATES.get(str(facts[key]), facts[key]) if zh and key == "state" else facts[key]
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        print(f"{words if zh else en}: {'–' if text in (None, '') else text}")
    reason = facts["reason"]
    if isinstance(reason, dict):
        print(reason[arguments.lang])
    return 0


def _unit(arguments: argparse.Namespace) -> int:
    from storeloom.core.agent.enrolling import STORE
    from storeloom.core.commands.unit import print_unit

    home = Path(arguments.home).absolute()
    data = Path(arguments.data).absolute() if arguments.data else home / STORE
    return print_unit(arguments, "agent", arguments.user or getpass.getuser(), {"home": str(home), "data": str(data)}, "agent")


def _misuse(en: str, zh: str) -> MisuseFault:
    return MisuseFault(Finding("SL-CLI-01", {"reason": {"en": en, "zh": zh}, "command": "storeloom agent"}))
