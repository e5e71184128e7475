"""A till or sales system that tells its receipts by signed webhooks, and takes answers at an address of its own.

A webhook is `{"type": "pos.sale", "timestamp": RFC 3339, "id": ..., "data": {...}}` (`links.signed`), `data` as the stream has it: money in
whole minor units, a return with negative quantities and amounts, lines and payments that sum to the total. What holds a card number is
refused as a whole, with 422. A receipt that comes again, also in a webhook of another id, is told by its number and time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.http_listener import Refused
from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver
from storeloom.hardware_adapters.pos.cards import card_at


class HttpPush(SignedDriver):
    zh, en = "收银推送", "Receipts by webhook"
    purpose_zh = "接收收银系统以签名 Webhook 推送的小票、扫码与异常，入库后才确认；可把计价结果与优惠券回传；不收银行卡号。"
    kind = "pos"
    feeds = ("pos.sale", "pos.scan", "pos.exception", "coupon.redeemed", "device.status")
    takes = ("basket.priced", "coupon.issue")
    twin = "storeloom.hardware_adapters.pos.http_push_twin:HttpPushTwin"

    class Config(SignedConfig):
        address: str = setting(
            "",
            "Address to which answers go; empty: none do",
            "回传地址，留空则不回传",
            effect="restart",
            pattern=r"^(https?://[^/@\s?#]+(/[^\s?#]*)?)?$",
        )
        listen: str = setting(
            "0.0.0.0:8090",
            "Webhooks come in at HOST:PORT",
            "Webhook 监听地址（主机:端口）",
            effect="restart",
            min_length=1,
            help_en="Devices may share an address, each with a path of its own. For the internet put a reverse proxy with TLS before it.",
            help_zh="多个设备可共用一个地址，路径各不相同。对外开放时请在前面加带 TLS 的反向代理。",
        )

    def taken(self, stream: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        place = card_at(data)
        if place is not None:
            raise Refused(f"{place} looks like a card number; send a token", f"{place} 疑似银行卡号，请改传令牌")
        return data

    def told(self, fact: Fact) -> Iterable[Fact]:
        if fact.stream != "pos.sale":
            return [fact]
        data = fact.data
        sums = [sum(one["amount"] for one in data[name]) for name in ("lines", "payments")]
        if data["kind"] != "void" and sums != [data["total"]] * 2:
            got = f"lines {sums[0]}, payments {sums[1]}, total {data['total']}"
            raise Refused(f"the sums of receipt {data['receipt']} differ: {got}", f"小票 {data['receipt']} 金额不一致：{got}")
        return [replace(fact, key=data["receipt"])]
