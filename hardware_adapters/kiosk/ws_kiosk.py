"""Kiosk screens that connect to the store by WebSocket; how they speak is written in `links.ws_screens` and `links.screens`."""

from __future__ import annotations

from storeloom.hardware_adapters.links.ws_screens import ScreenConfig, WsScreens


class WsKiosk(WsScreens):
    zh, en = "WebSocket 自助终端", "Kiosks over WebSocket"
    purpose_zh = "自助终端屏幕以 WebSocket 接入门店：按序号下发并确认画面，事件逐条编号、断线续传不重复，心跳检测掉线。"
    kind = "kiosk"
    feeds = ("kiosk.event", "device.status")
    takes = ("kiosk.show",)
    capabilities = ("resume", "acknowledge")
    twin = "storeloom.hardware_adapters.kiosk.ws_kiosk_twin:WsKioskTwin"
    event_stream, name_key = "kiosk.event", "kiosk"

    class Config(ScreenConfig):
        pass
