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
    known = {
        "login CHAIN EMAIL": ("get a token and keep it", "登录并保存令牌"),
        "release NAME": ("freeze the designs of the chosen stores", "将所选门店的设计定为版本"),
        "plan RELEASE": ("what it would change, store by store", "逐店查看将有的变化"),
        "explain STORE [PATH]": ("where each value comes from", "各取值的来源"),
        "quote STORE": ("what its devices and work cost", "设备与运行报价"),
        "stores": ("how each store stands", "各门店状态"),
        "rollout [new RELEASE | start|pause|resume|abort|rollback ID]": ("list them, plan one, or steer it", "列出、计划或操控发布"),
        "watch ID": ("follow a roll-out", "跟踪一次发布"),
    }
    commands.actions(fleet, known)
    option(fleet, "names", nargs="*", metavar="NAME", en="what the action is about, as above", words="操作对象，见上")
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
