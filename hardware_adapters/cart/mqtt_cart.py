"""Cart screens behind an MQTT broker; how they speak is written in `links.mqtt_screens` and `links.screens`."""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.mqtt_screens import MqttScreenConfig, MqttScreens


class MqttCart(MqttScreens):
    zh, en = "MQTT 购物车屏", "Cart screens over MQTT"
    purpose_zh = "购物车屏经 MQTT 接入：按序号下发并确认画面，事件编号去重、断线后由服务器补发，遗嘱消息报告离线。"
    kind = "cart"
    feeds = ("cart.event", "device.status")
    takes = ("cart.show",)
    capabilities = ("resume", "acknowledge")
    twin = "storeloom.hardware_adapters.cart.mqtt_cart_twin:MqttCartTwin"
    event_stream, name_key = "cart.event", "cart"

    class Config(MqttScreenConfig):
        base: str = setting("carts", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
