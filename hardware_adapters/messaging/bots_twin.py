"""The virtual twins of work-chat bots: they check key and signature as the services do, and take each text that comes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.messaging import dingtalk_bot, feishu_bot

KEY, SIGNING = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", "SECtwin0123456789"


class BotTwin(HttpTwin):
    """A bot never speaks of itself; `busy` is the service's own code."""

    signed = False
    faults: ClassVar[tuple[str, ...]] = (*HttpTwin.faults, "checksum", "odd")
    busy: ClassVar[Mapping[str, Any]]
    good: ClassVar[Mapping[str, Any]] = {"errcode": 0, "errmsg": "ok"}
    wrong: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def known(self, asked: Asked) -> bool:
        """Whether key and signature are right."""

    @abstractmethod
    def text_of(self, body: Mapping[str, Any]) -> str:
        """The text in a body."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "key": "bot_key", "signing_key": "bot_signing"}

    def secrets(self) -> Mapping[str, str]:
        return {"bot_key": KEY, "bot_signing": SIGNING}

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        about = {"message": f"M{number}", "channel": "work_chat", "to": "group:fresh", "purpose": "staff"}
        return "message.send", {**about, "text": f"3 号冷柜温度过高，请第 {number} 班处理", "cmd": f"c{number}"}

    def reply(self, asked: Asked) -> Told:
        if self.fault == "checksum" or not self.known(asked):
            return Told(200, self.wrong)
        if self.fault == "odd":
            return Told(200, b'{"errcode": "zero"}')
        self._done.append({"text": self.text_of(asked.json())})
        return Told(200, self.good)

    def _answer(self, asked: Asked) -> Told:
        if self.fault == "busy":
            return Told(200, self.busy) if asked.method == "POST" else Told()
        return super()._answer(asked)


class WecomTwin(BotTwin):
    busy = {"errcode": 45009, "errmsg": "api freq out of limit"}
    wrong = {"errcode": 93000, "errmsg": "invalid webhook url"}

    def known(self, asked: Asked) -> bool:
        return asked.path == "/cgi-bin/webhook/send" and asked.query.get("key") == KEY

    def text_of(self, body: Mapping[str, Any]) -> str:
        return str(body["text"]["content"])


class DingtalkTwin(BotTwin):
    busy = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
    wrong = {"errcode": 310000, "errmsg": "sign not match"}

    def known(self, asked: Asked) -> bool:
        query = asked.query
        wanted = dingtalk_bot.signature(int(query.get("timestamp", "0")), SIGNING)
        return asked.path == "/robot/send" and query.get("access_token") == KEY and query.get("sign") == wanted

    def text_of(self, body: Mapping[str, Any]) -> str:
        return str(body["text"]["content"])


class FeishuTwin(BotTwin):
    good = {"code": 0, "msg": "success", "data": {}}
    busy = {"code": 11232, "msg": "frequency limited"}
    wrong = {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}

    def known(self, asked: Asked) -> bool:
        body = asked.json()
        return asked.path == f"/open-apis/bot/v2/hook/{KEY}" and body.get("sign") == feishu_bot.signature(int(body["timestamp"]), SIGNING)

    def text_of(self, body: Mapping[str, Any]) -> str:
        return str(body["content"]["text"])
