"""A group bot of Feishu or Lark: texts into one group.

As its documentation states ("自定义机器人使用指南", open.feishu.cn/document/client-docs/bot-v3/add-custom-bot): `POST
/open-apis/bot/v2/hook/TOKEN` with `timestamp` (s, within an hour) and `sign` in the body, the base64 of HMAC-SHA256 of nothing under the
key made of the time, a line feed and the secret; 100 messages a minute and 5 a second, bodies of at most 20 KB, an answer with `code` and
`msg`; 11232 where its own system is under load, as on the hour, and 99991400 over the rate ("频控策略").
"""

from __future__ import annotations

from datetime import datetime

from storeloom.hardware_adapters.links.errors import Code
from storeloom.hardware_adapters.messaging.bots import BotConfig, BotDriver, Post, base64_hmac, service


def signature(stamp_s: int, secret: str) -> str:
    """The `sign` of a time."""
    return base64_hmac(f"{stamp_s}\n{secret}".encode(), b"")


class FeishuBot(BotDriver):
    zh, en = "飞书群机器人", "Feishu group bot"
    purpose_zh = "通过飞书自定义机器人（签名校验）向群内发送文本消息。"
    twin = "storeloom.hardware_adapters.messaging.bots_twin:FeishuTwin"
    limits = ((5, 1.0), (100, 60.0))
    most_bytes = 19_000
    code_names = ("code", "StatusCode")
    word_names = ("msg", "StatusMessage")
    meanings = {
        9499: (Code.ILLEGAL, "the request is wrong", "请求格式错误"),
        11232: (Code.BUSY, "too many messages", "发送过于频繁"),
        99991400: (Code.BUSY, "too many messages", "发送过于频繁"),
        19001: (Code.FAILURE, "the webhook's token is not known", "机器人 Webhook 令牌无效"),
        19021: (Code.FAILURE, "the signature is wrong, or the time more than an hour off", "签名不正确，或时间偏差超过一小时"),
        19022: (Code.FAILURE, "this address is not allowed", "IP 不在允许范围"),
        19024: (Code.FAILURE, "a key word is missing", "缺少自定义关键词"),
    }

    class Config(BotConfig):
        address: str = service("https://open.feishu.cn")

    def post(self, text: str, phone: str, key: str, signing_key: str, at: datetime) -> Post:
        stamp = int(at.timestamp())
        signed = {"timestamp": str(stamp), "sign": signature(stamp, signing_key)} if signing_key else {}
        return Post(f"/open-apis/bot/v2/hook/{key}", {}, {**signed, "msg_type": "text", "content": {"text": text}})
