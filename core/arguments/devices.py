"""Commands over devices."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands, positive


def add(commands: Commands) -> None:
    """Declare them."""
    _device(commands)


def _device(commands: Commands) -> None:
    command, option = commands.command, commands.option
    device = command("device", "devices:device", "find, probe, watch and command devices", "查找、检测、监看与控制设备")
    known = {
        "find": ("search for devices of an adapter", "按适配器搜索设备"),
        "probe": ("ask each device of a store whether it is fit", "检测门店设备是否可用"),
        "watch": ("print what a device says", "打印设备上报的内容"),
        "send": ("send a device one command", "向设备发送一条指令"),
    }
    commands.actions(device, known)
    option(device, "file", metavar="STORE|ADAPTER", en="the store profile; find: the adapter", words="门店档案；find：适配器")
    option(
        device,
        "device",
        nargs="?",
        metavar="DEVICE|WHERE",
        en="the device (probe: default all); find: where to search",
        words="设备（probe 默认全部）；find：搜索范围",
    )
    option(device, "stream", nargs="?", metavar="STREAM", en="send: the command's stream", words="send：指令数据流")
    option(device, "json_data", nargs="?", metavar="DATA", en="send: its data as JSON", words="send：JSON 数据")
    option(device, "--data", metavar="FOLDER", en="folder with the store's secrets.json", words="secrets.json 所在的门店数据目录")
    option(
        device,
        "--for",
        dest="seconds",
        type=positive,
        metavar="SECONDS",
        en="watch: end after so many seconds; find: search so long",
        words="watch：监看秒数；find：搜索秒数",
    )
