"""Mail, bots and text messages: signatures worked with OpenSSL, what goes over the wire, and that no number or address comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_listener import Incoming
from storeloom.hardware_adapters.links.http_twin import Asked, Told
from storeloom.hardware_adapters.messaging import bots_twin, dingtalk_bot, feishu_bot
from storeloom.hardware_adapters.messaging.contacts import Contacts
from storeloom.hardware_adapters.messaging.dingtalk_bot import DingtalkBot
from storeloom.hardware_adapters.messaging.feishu_bot import FeishuBot
from storeloom.hardware_adapters.messaging.outgoing import Pace
from storeloom.hardware_adapters.messaging.sms_gateway import SmsGateway
from storeloom.hardware_adapters.messaging.sms_gateway_twin import PHONE, SmsGatewayTwin
from storeloom.hardware_adapters.messaging.smtp_mail import SmtpMail
from storeloom.hardware_adapters.messaging.smtp_mail_twin import SmtpMailTwin
from storeloom.hardware_adapters.messaging.wecom_bot import WecomBot

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
BOTS = {
    "wecom": (WecomBot, bots_twin.WecomTwin),
    "dingtalk": (DingtalkBot, bots_twin.DingtalkTwin),
    "feishu": (FeishuBot, bots_twin.FeishuTwin),
}


def made(cls: Any, twin: Any, **more: Any) -> Any:
    one = cls("unit-1", cls.Config(**{**twin.settings(), **more}))
    one.context = AdapterContext(secrets=dict(twin.secrets()))
    return one


def send(driver: Any, **more: Any) -> list[Mapping[str, Any]]:
    data = {"message": "M1", "channel": "work_chat", "to": "s-1", "purpose": "staff", "text": "请补货", **more}
    try:
        return [one.data for one in driver.command("message.send", data, AT) if one.stream == "message.outcome"]
    finally:
        driver.close()


def test_the_bots_signatures_are_those_that_openssl_gives_for_their_published_recipes() -> None:
    # printf 'TIME\nSECRET' | openssl dgst -sha256 -hmac SECRET -binary | base64
    assert dingtalk_bot.signature(1577262236757, "this is secret") == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
    # printf '' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf 'TIME\nSECRET' | xxd -p) -binary | base64
    assert feishu_bot.signature(1599360473, "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="


@pytest.mark.parametrize(
    ("name", "path", "query", "body"),
    [
        (
            "wecom",
            "/cgi-bin/webhook/send",
            {"key"},
            {"msgtype": "text", "text": {"content": "请补货", "mentioned_mobile_list": ["13800138000"]}},
        ),
        (
            "dingtalk",
            "/robot/send",
            {"access_token", "timestamp", "sign"},
            {"msgtype": "text", "text": {"content": "请补货\n@13800138000"}, "at": {"atMobiles": ["13800138000"], "isAtAll": False}},
        ),
        ("feishu", f"/open-apis/bot/v2/hook/{bots_twin.KEY}", set(), {"msg_type": "text", "content": {"text": "请补货"}}),
    ],
)
def test_a_bot_posts_what_its_service_documents(
    name: str, path: str, query: set[str], body: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = tmp_path / "contacts.json"
    contacts.write_text('{"s-1": {"phone": "13800138000"}}')
    cls, twin_class = BOTS[name]
    asked: list[Asked] = []
    with twin_class() as twin:
        monkeypatch.setattr(twin, "known", lambda one: bool(asked.append(one)) or True)
        outcome = send(made(cls, twin, contacts_file=str(contacts)))
    found = asked[0].json()
    signed = {key: found.pop(key) for key in ("timestamp", "sign") if key in found}
    assert (asked[0].path, set(asked[0].query), found) == (path, query, body)
    assert (name == "feishu") == bool(signed)
    assert outcome == [{"message": "M1", "channel": "work_chat", "to": "s-1", "status": "sent"}]


@pytest.mark.parametrize("name", BOTS)
def test_a_bot_tells_why_it_is_refused_and_never_its_key(name: str) -> None:
    cls, twin_class = BOTS[name]
    for fault, code in (("checksum", Code.FAILURE), ("busy", Code.BUSY), ("odd", Code.FAILURE), ("refuse", None)):
        with twin_class() as twin:
            twin.play(fault)
            with pytest.raises(DeviceError) as caught:
                send(made(cls, twin))
        assert code in (None, caught.value.code)
        assert bots_twin.KEY not in f"{caught.value.words}{caught.value.__cause__!r}" and bots_twin.SIGNING not in str(caught.value.words)


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"text": "字" * 683}, "too_long"), ({"text": "", "template": "none"}, "no_text")],
)
def test_what_can_never_go_is_told_as_failed(more: dict[str, str], reason: str) -> None:
    with bots_twin.WecomTwin() as twin:
        assert send(made(WecomBot, twin), **more)[0] == {
            "message": "M1", "channel": "work_chat", "to": "s-1", "status": "failed", "reason": reason,
        }  # fmt: skip
        assert twin.took() == []


def test_a_template_is_filled_and_other_channels_are_refused() -> None:
    with bots_twin.WecomTwin() as twin:
        settings = {"templates": {"low": "${gtin} 缺货 ${n} 件"}}
        send(made(WecomBot, twin, **settings), text="", template="low", params={"gtin": "06901234567892", "n": 3})
        assert twin.took() == [{"text": "06901234567892 缺货 3 件"}]
        for audience, other in (([], {"channel": "sms"}), ([], {"purpose": "tax"}), (["s-2"], {})):
            with pytest.raises(DeviceError, match=r"this message\.send is for another device"):
                send(made(WecomBot, twin, audience=audience), **other)
        assert len(twin.took()) == 1


def test_the_pace_is_what_the_services_allow() -> None:
    assert (WecomBot.limits, DingtalkBot.limits, FeishuBot.limits) == (((20, 60.0),), ((20, 60.0),), ((5, 1.0), (100, 60.0)))
    pace = Pace(((2, 60.0),))
    pace.take()
    pace.take()
    with pytest.raises(DeviceError, match="at most 2 messages in 60 s") as caught:
        pace.take()
    assert caught.value.code is Code.BUSY


@pytest.fixture
def mail() -> Iterator[SmtpMailTwin]:
    pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed")
    with SmtpMailTwin() as twin:
        yield twin


def test_a_mail_bears_chinese_words_and_its_repeat_the_same_id(mail: SmtpMailTwin) -> None:
    for _ in range(2):
        found = send(made(SmtpMail, mail), channel="email", to="m-1", purpose="service", text="您的小票\n合计 ¥12.50")
    assert mail.took() == [
        {"to": "zhang.san@example.com", "subject": "您的小票", "text": "您的小票\r\n合计 ¥12.50\r\n"}
    ] or mail.took() == [{"to": "zhang.san@example.com", "subject": "您的小票", "text": "您的小票\n合计 ¥12.50\n"}]
    assert found == [{"message": "M1", "channel": "email", "to": "m-1", "status": "sent"}]


def test_a_subject_with_line_feeds_brings_no_header_of_its_own(mail: SmtpMailTwin) -> None:
    send(made(SmtpMail, mail, subjects={"t": "Hi\r\nBcc: evil@example.com"}), channel="email", to="m-1", template="t")
    assert mail.took()[0]["subject"] == "Hi Bcc: evil@example.com"


def test_mail_to_nobody_known_fails_and_faults_are_told_without_addresses(mail: SmtpMailTwin) -> None:
    assert send(made(SmtpMail, mail), channel="email", to="m-9")[0]["reason"] == "no_address"
    for fault, code in (("busy", Code.BUSY), ("fail", Code.FAILURE), ("refuse", Code.NO_HARDWARE), ("silent", Code.TIMEOUT)):
        mail.play(fault)
        with pytest.raises(DeviceError) as caught:
            send(made(SmtpMail, mail), channel="email", to="m-1")
        assert caught.value.code is code and "example.com" not in str(caught.value.words)
        mail.mend()


def test_a_server_without_tls_gets_no_login(mail: SmtpMailTwin) -> None:
    with pytest.raises(DeviceError) as caught:
        send(made(SmtpMail, mail, tls="starttls"), channel="email", to="m-1")
    assert caught.value.code is Code.FAILURE and mail.took() == []


def test_a_text_message_goes_to_the_number_and_the_number_comes_back_in_nothing() -> None:
    with SmsGatewayTwin() as twin:
        driver = made(SmsGateway, twin)
        found = send(driver, channel="sms", to="m-1", text="取货码 1001")
        assert twin.took() == [{"message": "M1", "to": PHONE, "text": "取货码 1001"}]
        assert found == [{"message": "M1", "channel": "sms", "to": "m-1", "status": "sent", "cost": 5}]
        receipt = {
            "type": "message.outcome",
            "timestamp": "2026-03-02T10:00:05Z",
            "data": {"message": "M1", "status": "delivered", "to": PHONE},
        }
        facts = list(driver.heard(Incoming("r1", AT, receipt, {})))
        assert [one.data for one in facts] == [{"message": "M1", "channel": "sms", "to": "m-1", "status": "delivered"}]
        receipt["data"] = {"message": "M7", "status": "failed", "to": PHONE}
        assert "to" not in next(iter(driver.heard(Incoming("r2", AT, receipt, {})))).data


def test_a_gateways_complaint_about_a_number_does_not_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmsGatewayTwin() as twin:
        monkeypatch.setattr(twin, "reply", lambda _: Told(400, {"detail": f"{PHONE} is barred"}))
        with pytest.raises(DeviceError, match=r"\*\*\* is barred") as caught:
            send(made(SmsGateway, twin), channel="sms", to="m-1", text="x")
    assert PHONE not in str(caught.value.words)


def test_the_file_of_contacts_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("\ufeffid,phone\nm-1, 13800138000 \n", encoding="utf-8")
    contacts = Contacts(str(file))
    assert (contacts.of("m-1", "phone"), contacts.of("m-2", "phone"), contacts.of("m-1", "email")) == ("13800138000", "", "")
    file.write_text('{"m-2": {"phone": "13900139000"}}')
    assert (contacts.of("m-1", "phone"), contacts.of("m-2", "phone")) == ("", "13900139000")
    file.write_text('{"m-2": ')
    with pytest.raises(DeviceError, match=r"c\.csv cannot be read") as caught:
        contacts.of("m-2", "phone")
    assert "13900139000" not in str(caught.value.words)
