"""What `storeloom plugin new` says."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-NEW-01": Message(
        "error",
        "A package cannot be called '{name}': {reason}.",
        "包不能命名为“{name}”：{reason}。",
        "Choose another name, as acme-shelf.",
        "请换一个名称，例如 acme-shelf。",
    ),
    "SL-NEW-02": Message(
        "error",
        "{option} {given}: this does not say where it belongs and what it is called.",
        "{option} {given}：未写明所属类别与编号。",
        "Write {option} {form}.",
        "请写成 {option} {form}。",
    ),
    "SL-NEW-03": Message(
        "error",
        "'{id}' cannot be an id.{hint_en}",
        "“{id}”不能用作编号。{hint_zh}",
        "Use lower-case letters, digits and single '_' between them, beginning with a letter, {most} signs at most, no word of Python's.",
        "编号只能由小写字母、数字和单个“_”组成，以字母开头，最多 {most} 个字符，且不能是 Python 关键字。",
    ),
    "SL-NEW-04": Message(
        "error",
        "'{id}' is taken by {what} of the package {package}.",
        "“{id}”已被包 {package} 中的{what}使用。",
        "Choose another id; a prefix of your own keeps it apart.",
        "请换一个编号，可加上自己的前缀。",
    ),
    "SL-NEW-05": Message(
        "error",
        "The scenario '{scenario}' belongs to the pillar '{pillar}', not to '{given}'.",
        "场景“{scenario}”属于“{pillar}”，而不是“{given}”。",
        "Write {pillar}/{scenario}/ID, or leave the pillar out.",
        "请写成 {pillar}/{scenario}/编号，或省略前面的部分。",
    ),
    "SL-NEW-06": Message(
        "error",
        "{option} {given} is asked for twice.",
        "{option} {given} 重复。",
        "Name it once.",
        "请只写一次。",
    ),
    "SL-NEW-07": Message(
        "error",
        "{folder} holds the package '{found}', not '{name}'.",
        "{folder} 中的包是“{found}”，而不是“{name}”。",
        "Leave the name out to add to it, or name another folder with --output.",
        "如需添加到该包，请省略包名；否则请用 --output 指定其他目录。",
    ),
    "SL-NEW-08": Message(
        "error",
        "{folder} holds no package of plugins to add to.",
        "{folder} 中没有可供添加的插件包。",
        "Name the package that is to be made, as storeloom plugin new acme-shelf; or run it in a package's folder.",
        "请给出要新建的包名，例如 storeloom plugin new acme-shelf；或在包的目录中运行。",
    ),
    "SL-NEW-09": Message(
        "error",
        "Nothing is to be made: neither a solution nor an adapter is named.",
        "没有要新建的内容：未指定方案或适配器。",
        "Add --solution SCENARIO/ID or --adapter KIND/ID, each as often as needed.",
        "请添加 --solution 场景/编号 或 --adapter 设备类别/编号，可重复。",
    ),
    "SL-NEW-10": Message(
        "error",
        "{file} is there already; nothing is overwritten.",
        "{file} 已存在，不会被覆盖。",
        "Move it away, or choose another id, name or --output.",
        "请移走该文件，或换一个编号、包名或 --output 目录。",
    ),
}
