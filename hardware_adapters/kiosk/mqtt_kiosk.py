"""Kiosk screens behind an MQTT broker; how they speak is written in `links.mqtt_screens` and `links.screens`."""

from __future__ import annotations

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.mqtt_screens import MqttScreenConfig, MqttScreens


class MqttKiosk(MqttScreens):
    zh, en = "MQTT 自助终端", "Kiosks over MQTT"
    purpose_zh = "自助终端屏幕经 MQTT 接入：按序号下发并确认画面，事件编号去重、断线后由服务器补发，遗嘱消息报告离线。"
    kind = "kiosk"
    feeds = ("kiosk.event", "device.status")
    takes = ("kiosk.show",)
    capabilities = ("resume", "acknowledge")
    twin = "storeloom.hardware_adapters.kiosk.mqtt_kiosk_twin:MqttKioskTwin"
    event_stream, name_key = "kiosk.event", "kiosk"

    class Config(MqttScreenConfig):
        base: str = setting("kiosks", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
