"""A group bot of WeCom: texts into one group, with mentions by phone number.

As its documentation states ("群机器人配置说明", developer.work.weixin.qq.com/document/path/91770): `POST /cgi-bin/webhook/send`
with the query `key`, a text of at most 2048 bytes of UTF-8, 20 messages a minute, an answer with `errcode` and `errmsg`. Its messages are
not signed.
"""

from __future__ import annotations

from datetime import datetime

from storeloom.hardware_adapters.links.errors import Code
from storeloom.hardware_adapters.messaging.bots import BotConfig, BotDriver, Post, service


class WecomBot(BotDriver):
    zh, en = "企业微信群机器人", "WeCom group bot"
    purpose_zh = "通过企业微信群机器人向群内发送文本消息，可按手机号提醒成员。"
    twin = "storeloom.hardware_adapters.messaging.bots_twin:WecomTwin"
    limits = ((20, 60.0),)
    most_bytes = 2048
    meanings = {
        45009: (Code.BUSY, "too many messages", "发送过于频繁"),
        45033: (Code.BUSY, "too many requests at once", "并发请求过多"),
        93000: (Code.FAILURE, "the webhook's key is not known", "机器人 Webhook 密钥无效"),
    }

    class Config(BotConfig):
        address: str = service("https://qyapi.weixin.qq.com")

    def post(self, text: str, phone: str, key: str, signing_key: str, at: datetime) -> Post:
        mention = {"mentioned_mobile_list": [phone]} if phone else {}
        return Post("/cgi-bin/webhook/send", {"key": key}, {"msgtype": "text", "text": {"content": text, **mention}})
