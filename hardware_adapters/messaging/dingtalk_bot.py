"""A group bot of DingTalk: texts into one group, with mentions by phone number.

As its documentation states ("自定义机器人接入", "自定义机器人安全设置", open.dingtalk.com): `POST /robot/send` with the query
`access_token`, signed by `timestamp` (ms, within an hour) and `sign`, the base64 of HMAC-SHA256 of the time, a line feed and the secret,
under the secret; 20 messages a minute (more block the bot for ten minutes), an answer with `errcode` and `errmsg`. A mention takes effect
where the text bears `@PHONE`; such a text is for the group's eyes and goes nowhere else.
"""

from __future__ import annotations

from datetime import datetime

from storeloom.hardware_adapters.links.errors import Code
from storeloom.hardware_adapters.messaging.bots import BotConfig, BotDriver, Post, base64_hmac, service


def signature(stamp_ms: int, secret: str) -> str:
    """The `sign` of a time, before it is put into a query."""
    return base64_hmac(secret.encode(), f"{stamp_ms}\n{secret}".encode())


class DingtalkBot(BotDriver):
    zh, en = "钉钉群机器人", "DingTalk group bot"
    purpose_zh = "通过钉钉自定义机器人（加签）向群内发送文本消息，可按手机号提醒成员。"
    twin = "storeloom.hardware_adapters.messaging.bots_twin:DingtalkTwin"
    limits = ((20, 60.0),)
    most_bytes = 20_000
    meanings = {
        -1: (Code.BUSY, "the service is busy", "系统繁忙"),
        130101: (Code.BUSY, "too many messages", "发送过于频繁"),
        300001: (Code.FAILURE, "the access token is not known", "access_token 无效"),
        300005: (Code.FAILURE, "the access token is not known", "access_token 无效"),
        310000: (Code.FAILURE, "its security settings refuse (signature, key word or address)", "安全设置校验未通过（加签、关键词或 IP）"),
        400101: (Code.FAILURE, "the access token is not known", "access_token 无效"),
    }

    class Config(BotConfig):
        address: str = service("https://oapi.dingtalk.com")

    def post(self, text: str, phone: str, key: str, signing_key: str, at: datetime) -> Post:
        stamp = int(at.timestamp() * 1000)
        signed = {"timestamp": str(stamp), "sign": signature(stamp, signing_key)} if signing_key else {}
        mention = {"at": {"atMobiles": [phone], "isAtAll": False}} if phone else {}
        content = f"{text}\n@{phone}" if phone else text
        return Post("/robot/send", {"access_token": key, **signed}, {"msgtype": "text", "text": {"content": content}, **mention})
