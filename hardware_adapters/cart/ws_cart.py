"""Cart screens that connect to the store by WebSocket; how they speak is written in `links.ws_screens` and `links.screens`.

Any browser is such a screen at `http://LISTEN/CART/` (`links.screen_page`).
"""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.ws_screens import ScreenConfig, WsScreens


class WsCart(WsScreens):
    zh, en = "WebSocket 购物车屏", "Cart screens over WebSocket"
    purpose_zh = "购物车屏以 WebSocket 接入门店：按序号下发确认画面，事件编号、断线续传不重复，心跳检测掉线；自带触屏网页，断网暂存操作。"
    kind = "cart"
    feeds = ("cart.event", "device.status")
    takes = ("cart.show",)
    capabilities = ("resume", "acknowledge", "page")
    twin = "storeloom.hardware_adapters.cart.ws_cart_twin:WsCartTwin"
    event_stream, name_key = "cart.event", "cart"

    class Config(ScreenConfig):
        listen: str = setting("0.0.0.0:8097", "Address to listen at (HOST:PORT)", "监听地址（主机:端口）", effect="restart")
