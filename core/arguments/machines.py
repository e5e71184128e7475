"""Commands over the machine: whether it is fit, and what starts with it."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands

USES = ("store", "studio", "server", "agent", "worker", "dev")
UNITS = ("store", "agent", "server", "vision", "worker")


def add(commands: Commands) -> None:
    """Declare them."""
    _doctor(commands)
    _unit(commands)


def _doctor(commands: Commands) -> None:
    command, option = commands.command, commands.option
    doctor = command(
        "doctor", "doctor:doctor", "whether this machine is fit; what is missing and how to get it", "检查本机环境：缺什么、如何安装"
    )
    option(
        doctor,
        "--for",
        dest="uses",
        action="append",
        choices=USES,
        default=[],
        en="what it is to do; may be given more than once (default: the base alone)",
        words="用途，可多次给出（默认仅检查基础）",
    )
    option(doctor, "--data", metavar="FOLDER", en="the folder that its data will be in", words="数据目录")
    option(doctor, "--server", metavar="URL", en="the control plane that it must reach", words="须能连接的控制平面地址")
    option(doctor, "--ca", metavar="FILE", en="certificate authorities, where not the system's", words="自有的证书机构文件")


def _unit(commands: Commands) -> None:
    command, option = commands.command, commands.option
    unit = command("unit", "unit:unit", "print a systemd unit, with no rights that it does not need", "输出最小权限的 systemd 单元")
    known = {
        "store": ("a store without a control plane", "不接控制平面的门店"),
        "agent": ("a store with its agent", "由代理管理的门店"),
        "server": ("a chain's control plane", "连锁控制平面"),
        "vision": ("cameras without a store", "脱离门店的摄像机分析"),
        "worker": ("a node of a Ray cluster", "Ray 集群节点"),
    }
    commands.actions(unit, known, "kind")
    option(unit, "--file", metavar="FILE", en="store: the packed bundle; vision: the jobs", words="store：已打包的方案包；vision：任务文件")
    option(
        unit, "--data", metavar="FOLDER", en="store, agent, vision, worker: the data folder", words="store、agent、vision、worker：数据目录"
    )
    option(unit, "--home", metavar="FOLDER", en="agent: its own folder", words="agent：代理自身的目录")
    option(unit, "--folder", metavar="FOLDER", en="server: its folder", words="server：控制平面目录")
    option(unit, "--listen", metavar="HOST:PORT", en="store, server: address", words="store、server：监听地址")
    option(unit, "--address", metavar="HOST:PORT", en="worker: the head of the Ray cluster", words="worker：Ray 集群头节点地址")
    option(unit, "--user", default="storeloom", en="the user that it runs as (default storeloom)", words="运行用户（默认 storeloom）")
