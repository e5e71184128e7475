"""For drivers of services over HTTP: `links.service` with a client (`links.http_client`) and webhooks (`links.http_listener`).

A driver is an `HttpDriver` whose `Config` is an `HttpConfig` (one that takes webhooks: `HookConfig`). Beside `do` and `look` it may give
`heard(incoming)`: the facts in a webhook (`Refused` where it makes no sense), in the listener's threads. `self.client.call(...)` asks the
service, from any thread. By default `look` only asks whether the service is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_client import HttpClient, Peer
from storeloom.hardware_adapters.links.http_listener import Incoming, Refused, WebhookGate, listening
from storeloom.hardware_adapters.links.service import ServiceDriver

NOT_THERE = (502, 503, 504)


class HttpConfig(SolutionConfig):
    """A service and how to log in to it. Nothing but the address is needed."""

    address: str = setting(
        "http://127.0.0.1:8080",
        "Address: https://HOST/PATH",
        "服务地址：https://主机/路径",
        effect="restart",
        pattern=r"^(https?://[^/@\s?#]+(/[^\s?#]*)?)?$",
    )
    user: str = setting("", "User name", "用户名", effect="restart")
    password: str = setting("", "Secret with the password", "密码所在的密钥名", effect="restart", widget="secret")
    token: str = setting("", "Secret with the access token", "访问令牌所在的密钥名", effect="restart", widget="secret")
    signing_secret: str = setting("", "Secret that signs requests", "请求签名所用的密钥名", effect="restart", widget="secret")
    scheme: Literal["standard", "plain"] = setting(
        "standard",
        "Form of signatures",
        "签名格式",
        effect="restart",
        help_en="standard: Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature). plain: x-timestamp, x-signature.",
        help_zh="standard：Standard Webhooks 规范（webhook-id、webhook-timestamp、webhook-signature）；plain：x-timestamp、x-signature。",
    )
    ca_file: str = setting(
        "", "File with the certificate authority; empty: the system's", "CA 证书文件，留空则用系统证书", effect="restart"
    )
    pin: str = setting("", "SHA-256 of the only certificate trusted", "唯一受信证书的 SHA-256 指纹", effect="restart")
    certificate_file: str = setting("", "File with the client certificate", "客户端证书文件", effect="restart")
    key_file: str = setting("", "File with the client certificate's key", "客户端证书私钥文件", effect="restart")
    connect_s: float = setting(5.0, "Time to connect", "连接时限", unit="s", effect="restart", gt=0, le=60)
    answer_s: float = setting(10.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)
    look_s: float = setting(60.0, "Time between looks at the service", "轮询间隔", unit="s", effect="restart", gt=0, le=86400)
    health_path: str = setting("", "Path asked whether the service is there", "健康检查路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")


class HookConfig(HttpConfig):
    """And where its webhooks come in."""

    listen: str = setting(
        "",
        "Webhooks come in at HOST:PORT; empty: nowhere",
        "Webhook 监听地址（主机:端口），留空则不监听",
        effect="restart",
        help_en="Devices may share an address, each with a path of its own. For the internet put a reverse proxy with TLS before it.",
        help_zh="多个设备可共用一个地址，路径各不相同。对外开放时请在前面加带 TLS 的反向代理。",
    )
    path: str = setting(
        "",
        "Path of webhooks; empty: /webhooks/DEVICE",
        "Webhook 路径，留空为 /webhooks/设备号",
        effect="restart",
        pattern=r"^(/[^\s?#]*)?$",
    )
    webhook_secret: str = setting("", "Secret that signs webhooks", "Webhook 签名所用的密钥名", effect="restart", widget="secret")
    old_webhook_secret: str = setting(
        "", "Secret that signed them before, while it is replaced", "更换期间仍接受的旧密钥名", effect="restart", widget="secret"
    )
    tolerance_s: float = setting(300.0, "Signatures may be so old", "签名时间允许偏差", unit="s", effect="restart", gt=0, le=3600)
    store_s: float = setting(
        5.0, "Longest that a sender waits until it is stored", "发送方等待入库的最长时间", unit="s", effect="restart", gt=0, le=60
    )


class HttpDriver(ServiceDriver):
    """Base of drivers that speak HTTP. `do`, `heard` and `look` are a driver's own."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._client: HttpClient | None = None

    def heard(self, incoming: Incoming) -> Iterable[Fact]:
        """The facts in a webhook."""
        raise Refused("no webhooks are taken here", "此处不接受 Webhook")

    def look(self) -> Iterable[Fact]:
        """Ask whether the service is there."""
        if self.config.address:
            client = self.client
            answer = client.call("GET" if self.config.health_path else "HEAD", self.config.health_path, what="health", also=range(300, 600))
            if answer.status in NOT_THERE or (self.config.health_path and answer.status >= 400):
                raise client.refusal(answer, "health")
        return ()

    def peer(self) -> Peer:
        """The service as the config names it."""
        config = self.config
        return Peer(
            address=config.address,
            connect_s=config.connect_s,
            answer_s=config.answer_s,
            ca_file=config.ca_file,
            pin=config.pin,
            certificate_file=config.certificate_file,
            key_file=config.key_file,
            user=config.user,
            password=self.told_secret(config.password),
            token=self.told_secret(config.token),
            signing_secret=self.told_secret(config.signing_secret),
            scheme=config.scheme,
        )

    @property
    def client(self) -> HttpClient:
        """The driver's client. DeviceError once it is closed, or where no address is set."""
        with self._state:
            if self.stopping.is_set():
                raise DeviceError(Code.CLOSED, f"{self.device} was let go", f"已断开 {self.device}")
            if not self.config.address:
                raise DeviceError(Code.ILLEGAL, "no address is set", "未设置服务地址")
            if self._client is None:
                self._client = HttpClient(self.peer())
            return self._client

    def ways_in(self) -> AbstractContextManager[None]:
        config = self.config
        if not getattr(config, "listen", ""):
            return nullcontext()
        secrets = [self.told_secret(name) for name in (config.webhook_secret, config.old_webhook_secret) if name]
        if not secrets:
            en, zh = "webhooks are taken only with a secret that signs them", "接收 Webhook 必须设置签名密钥"
            raise DeviceError(Code.ILLEGAL, en, zh)
        gate = WebhookGate(
            self.inbox,
            self.heard,
            secrets,
            self.now,
            config.scheme,
            config.tolerance_s,
            config.store_s,
            bad=self.odd,
            good=lambda: self.odd(None),
            kept=self.stored,
        )
        return listening(config.listen, config.path or f"/webhooks/{self.device}", gate)

    def close(self) -> None:
        super().close()
        with self._state:
            client, self._client = self._client, None
        if client is not None:
            client.close()
