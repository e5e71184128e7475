"""What `storeloom plugin check` says of a vendor's package."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-CHK-01": Message(
        "error",
        "{what} is no package of plugins: {reason}.",
        "{what} 不是插件包：{reason}。",
        "Name a source folder with a pyproject.toml, a wheel, an installed package, or an adapter.",
        "请给出含 pyproject.toml 的源码目录、wheel 文件、已安装的包名或适配器名。",
    ),
}
