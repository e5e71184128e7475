"""Mail by SMTP (RFC 5321), with TLS and login; UTF-8 in subject and text, a plain text part.

`to` is looked up in the file of contacts (column `email`); the address stands in no event or error. A message that comes again bears the
same Message-ID, by which mail systems tell repeats. A recipient refused for good (5yz) is answered with `message.outcome` failed; anything
else that fails is tried again by the store.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.messaging.outgoing import Cannot, Outgoing, OutgoingConfig

LONGEST_SUBJECT = 200


class SmtpMail(Outgoing):
    zh, en = "电子邮件（SMTP）", "Mail by SMTP"
    purpose_zh = "通过 SMTP（TLS、登录认证）发送 UTF-8 邮件，回报发送结果；收件地址由门店联系人文件查得，不进入事件日志。"
    twin = "storeloom.hardware_adapters.messaging.smtp_mail_twin:SmtpMailTwin"
    own_channels = ("email",)

    class Config(OutgoingConfig):
        address: str = setting(
            "127.0.0.1:25", "Mail server: HOST:PORT (587 with starttls, 465 with tls)", "邮件服务器：主机:端口", effect="restart"
        )
        tls: Literal["starttls", "tls", "none"] = setting(
            "starttls",
            "Encryption",
            "加密方式",
            effect="restart",
            help_en="none: only to a server on this machine or in the store's own network.",
            help_zh="none：仅用于本机或门店内网的服务器。",
        )
        ca_file: str = setting(
            "", "File with the certificate authority; empty: the system's", "CA 证书文件，留空则用系统证书", effect="restart"
        )
        user: str = setting("", "User name", "用户名", effect="restart")
        password: str = setting("", "Secret with the password", "密码所在的密钥名", effect="restart", widget="secret")
        sender: str = setting("store@localhost", "Sender", "发件人", effect="restart", pattern=r"^[^\r\n]*@[^\r\n@]+$")
        subjects: dict[str, str] = setting(dict, "Template to its subject", "模板编号对应的主题", effect="restart")
        subject: str = setting(
            "", "Subject of other messages; empty: the text's first line", "其他邮件的主题，留空取正文首行", effect="restart"
        )
        answer_s: float = setting(10.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)
        look_s: float = setting(300.0, "Time between looks at the server", "检查服务器的间隔", unit="s", effect="restart", gt=0, le=86400)

    def look(self) -> Iterable[Fact]:
        with self._server() as server:
            server.noop()
        return ()

    def send(self, data: Mapping[str, Any], text: str, at: datetime) -> Mapping[str, Any]:
        if not text:
            raise Cannot("no_text")
        to = self.contacts.of(data["to"], "email")
        if "@" not in parseaddr(to)[1]:
            raise Cannot("no_address")
        message = self._message(data, text, to, at)
        self.pace.take()
        with self._server() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:
                code = next(iter(error.recipients.values()))[0]
                if code >= 500:
                    raise Cannot(f"smtp_{code}") from None
                raise self._refusal(code) from None
            except ValueError:
                raise Cannot("no_address") from None
        return {}

    def _message(self, data: Mapping[str, Any], text: str, to: str, at: datetime) -> EmailMessage:
        config = self.config
        message = EmailMessage(policy=SMTP_POLICY)
        subject = config.subjects.get(data.get("template", "")) or config.subject or text.strip().partition("\n")[0]
        domain = config.sender.rpartition("@")[2].strip("> ")
        digest = hashlib.sha256(f"{self.device}|{data['message']}".encode()).hexdigest()[:32]
        try:
            message["From"] = config.sender
            message["To"] = to
            message["Subject"] = " ".join(subject.split())[:LONGEST_SUBJECT]
            message["Date"] = format_datetime(at)
            message["Message-ID"] = f"<{digest}@{domain}>"
        except ValueError:
            raise Cannot("no_address") from None
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A session, encrypted and logged in; what goes wrong in it is raised as DeviceError, without addresses."""
        config = self.config
        server: smtplib.SMTP | None = None
        try:
            server = self._opened()
            if config.user:
                server.login(config.user, self.told_secret(config.password))
            yield server
            with suppress(smtplib.SMTPException, OSError):  # the mail is taken; a good-bye that fails changes nothing
                server.quit()
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error.smtp_code) from None
        except smtplib.SMTPServerDisconnected as error:
            cause = error.__context__
            raise of_os(cause if isinstance(cause, OSError) else ConnectionError(), config.address) from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "TLS"
            raise DeviceError(
                Code.FAILURE, f"no TLS with {config.address}: {reason}", f"与 {config.address} 的 TLS 连接失败：{reason}"
            ) from None
        except smtplib.SMTPException as error:
            name = type(error).__name__
            raise DeviceError(Code.FAILURE, f"{config.address} does not serve: {name}", f"{config.address} 不可用：{name}") from None
        except OSError as error:
            raise of_os(error, config.address) from None
        finally:
            if server is not None:
                server.close()

    def _opened(self) -> smtplib.SMTP:
        config = self.config
        host, port = address_of(config.address)
        if config.tls == "none":
            return smtplib.SMTP(host, port, timeout=config.answer_s)
        try:
            context = ssl.create_default_context(cafile=config.ca_file or None)
        except OSError as error:
            raise DeviceError(Code.ILLEGAL, f"no certificate in {config.ca_file}", f"{config.ca_file} 中没有可用的证书") from error
        if config.tls == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=config.answer_s, context=context)
        server = smtplib.SMTP(host, port, timeout=config.answer_s)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _refusal(self, code: int) -> DeviceError:
        place = self.config.address
        if code in (530, 534, 535, 538):
            return DeviceError(Code.FAILURE, f"{place} refuses the login ({code})", f"{place} 拒绝登录（{code}）")
        if code in (421, 450, 451, 452):
            return DeviceError(Code.BUSY, f"{place} cannot take mail now ({code})", f"{place} 暂时无法收信（{code}）")
        return DeviceError(Code.FAILURE, f"{place} refuses the mail ({code})", f"{place} 拒收邮件（{code}）")
