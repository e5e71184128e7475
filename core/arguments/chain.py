"""What people of a chain ask its control plane for, over its API."""

from __future__ import annotations

import argparse

from storeloom.core.arguments.parser import Commands, whole


def add(commands: Commands) -> None:
    """Declare `fleet`; its actions stand in `commands/fleet.py`."""
    command, option = commands.command, commands.option
    fleet = command(
        "fleet",
        "fleet:fleet",
        "a chain's stores: login, release, plan, explain, quote, stores, rollout, watch",
        "连锁门店：登录、版本、计划、取值来源、报价、门店、发布任务、跟踪",
    )
    option(
        fleet,
        "action",
        choices=("login", "release", "plan", "explain", "quote", "stores", "rollout", "watch"),
        en="what to do",
        words="操作",
    )
    option(fleet, "names", nargs="*", metavar="NAME", en="what it is about; login: CHAIN EMAIL", words="对象；login：连锁编号 邮箱")
    option(fleet, "--notes", default="", en="release: what is new; rollout: why", words="release：说明；rollout：原因")
    option(fleet, "--strategy", metavar="FILE", en="rollout new: waves, gates, limits", words="rollout new：批次、关卡与并发上限文件")
    option(fleet, "--plan-digest", metavar="DIGEST", en="rollout new: the plan that was approved", words="rollout new：已批准计划的摘要")
    option(fleet, "--start", action="store_true", en="rollout new: at once", words="rollout new：立即启动")
    option(
        fleet, "--accept", action="store_true", en="rollout resume: the wave passes by your word", words="rollout resume：人工放行该批次"
    )
    option(fleet, "--stores", metavar="ID,...", en="release, plan: only these stores", words="release、plan：仅这些门店")
    option(fleet, "--region", en="release, plan: only this region and those within it", words="release、plan：仅该区域及其下级")
    option(fleet, "--tag", en="release, plan: only stores with this tag", words="release、plan：仅带该标签的门店")
    option(fleet, "--ring", type=whole(0), en="release, plan: only stores of this ring", words="release、plan：仅该发布环的门店")
    reaching(commands, fleet)


def reaching(commands: Commands, sub: argparse.ArgumentParser) -> None:
    """Which control plane a command asks, and as whom."""
    option = commands.option
    option(
        sub,
        "--server",
        metavar="URL",
        en="the control plane (default: STORELOOM_SERVER, else the settings file)",
        words="控制平面地址（默认 STORELOOM_SERVER，否则取自设置文件）",
    )
    option(
        sub,
        "--token-file",
        metavar="FILE",
        en="file that holds your token (default: STORELOOM_TOKEN, else the settings file)",
        words="令牌文件（默认 STORELOOM_TOKEN，否则取自设置文件）",
    )
    option(
        sub,
        "--settings",
        metavar="FILE",
        en="file with server, token, ca (default ~/.config/storeloom/fleet.toml)",
        words="设置文件，含 server、token、ca（默认 ~/.config/storeloom/fleet.toml）",
    )
    option(sub, "--ca", metavar="FILE", en="certificate authorities, where not the system's", words="自有的证书机构文件")
