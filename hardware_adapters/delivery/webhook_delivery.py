"""A delivery platform that speaks signed webhooks: states of deliveries and free slots come in, states of orders go out.

Signatures and payload are those of Standard Webhooks 1.0.0. A message that comes again by its id is stored once.
"""

from __future__ import annotations

from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver


class WebhookDelivery(SignedDriver):
    zh, en = "配送平台（签名 Webhook）", "Delivery platform over signed webhooks"
    purpose_zh = "通过双向签名 Webhook 对接配送平台：接收配送状态与可用时段，回传订单状态（如已备好、已取消）。"
    kind = "delivery"
    feeds = ("delivery.status", "delivery.slot", "device.status")
    takes = ("order.status",)
    twin = "storeloom.hardware_adapters.delivery.webhook_delivery_twin:WebhookDeliveryTwin"

    class Config(SignedConfig):
        """The platform's address, and where its webhooks come in."""
