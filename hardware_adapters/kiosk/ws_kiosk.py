"""Kiosk screens that connect to the store by WebSocket; how they speak is written in `links.ws_screens` and `links.screens`.

Any browser is such a screen at `http://LISTEN/KIOSK/` (`links.screen_page`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.ws_screens import ScreenConfig, WsScreens


class WsKiosk(WsScreens):
    zh, en = "WebSocket 自助终端", "Kiosks over WebSocket"
    purpose_zh = "自助终端屏幕以 WebSocket 接入：按序号下发确认画面，事件编号、断线续传不重复，心跳检测掉线；自带触屏网页，断网暂存操作。"
    kind = "kiosk"
    feeds = ("kiosk.event", "device.status")
    takes = ("kiosk.show",)
    capabilities = ("resume", "acknowledge", "page")
    twin = "storeloom.hardware_adapters.kiosk.ws_kiosk_twin:WsKioskTwin"
    event_stream, name_key = "kiosk.event", "kiosk"

    class Config(ScreenConfig):
        idle_s: float = setting(
            90.0, "Untouched time that ends a session on the page (0: never)", "网页无操作结束会话的时长（0 为不结束）", unit="s",
            effect="restart", ge=0, le=3600,
        )  # fmt: skip

    def page_settings(self) -> Mapping[str, Any]:
        return {**super().page_settings(), "idle_s": self.config.idle_s}
