"""An online store or platform that speaks signed webhooks: orders, returns, bookings and visits come in, states of orders go out.

Signatures and payload are those of Standard Webhooks 1.0.0. A platform with words of its own is reached by `types`, or through a small
bridge on its side. A message that comes again by its id is stored once.
"""

from __future__ import annotations

from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver


class WebhookStore(SignedDriver):
    zh, en = "线上商城（签名 Webhook）", "Online store over signed webhooks"
    purpose_zh = "通过双向签名 Webhook 对接线上商城或平台：接收订单、退货、预约与访问，回传订单状态与购物车价格。"
    kind = "online_store"
    feeds = (
        "order.placed",
        "order.status",
        "return.requested",
        "web.visit",
        "live.event",
        "social.mention",
        "member.event",
        "member.profile",
        "coupon.redeemed",
        "delivery.status",
        "service.booking",
        "member.consent",
        "coupon.state",
        "device.status",
    )
    takes = ("basket.priced", "order.status")
    twin = "storeloom.hardware_adapters.online_store.webhook_store_twin:WebhookStoreTwin"

    class Config(SignedConfig):
        """The platform's address, and where its webhooks come in."""
