"""Mail over TLS and with a login, against aiosmtpd: what is trusted, what is refused, and that a password goes out only under TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt_twin import free_port
from storeloom.hardware_adapters.messaging.smtp_mail import SmtpMail

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made = [program, "req", *options, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


class Box:
    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("gone"):
            return "550 5.1.1 no such user gone@example.com"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[tuple[Box, int]]:
    controllers = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    from aiosmtpd.smtp import AuthResult

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        return AuthResult(success=data.login == b"store" and data.password == b"pass-word-1", handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    box, port = Box(), free_port()
    controller = controllers.Controller(
        box, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True, authenticator=login
    )
    controller.start()
    yield box, port
    controller.stop()


def send(port: int, tmp_path: Path, to: str = "m-1", password: str = "pass-word-1", **config: Any) -> Any:
    contacts = tmp_path / "c.csv"
    contacts.write_text("id,email\nm-1,zhang@example.com\nm-2,gone@example.com\n")
    settings = {
        "address": f"127.0.0.1:{port}",
        "user": "store",
        "password": "pw",
        "contacts_file": str(contacts),
        "answer_s": 3.0,
        **config,
    }
    driver = SmtpMail("mail", SmtpMail.Config(**settings))
    driver.context = AdapterContext(secrets={"pw": password})
    data = {"message": "M1", "channel": "email", "to": to, "purpose": "service", "text": "您好"}
    try:
        return next(iter(driver.command("message.send", data, AT))).data
    finally:
        driver.close()


def test_mail_goes_over_starttls_with_a_login(server: tuple[Box, int], certificate: tuple[Path, Path], tmp_path: Path) -> None:
    box, port = server
    found = send(port, tmp_path, ca_file=str(certificate[0]))
    assert found["status"] == "sent" and box.mails[0][1] == ["zhang@example.com"]
    assert "您好".encode() in box.mails[0][2] or b"5oKo5aW9" in box.mails[0][2]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"ca_file": ""}, "no TLS"), ({"password": "wrong"}, "refuses the login"), ({"tls": "none"}, "does not serve|refuses")],
)
def test_a_stranger_or_a_wrong_login_is_told(
    server: tuple[Box, int], certificate: tuple[Path, Path], tmp_path: Path, change: dict[str, str], words: str
) -> None:
    box, port = server
    with pytest.raises(DeviceError, match=words) as caught:
        send(port, tmp_path, **{"ca_file": str(certificate[0]), **change})
    assert caught.value.code is Code.FAILURE and box.mails == []
    assert "pass-word-1" not in str(caught.value.words)


def test_a_recipient_refused_for_good_is_told_as_failed(server: tuple[Box, int], certificate: tuple[Path, Path], tmp_path: Path) -> None:
    found = send(server[1], tmp_path, "m-2", ca_file=str(certificate[0]))
    assert (found["status"], found["reason"]) == ("failed", "smtp_550") and "example.com" not in str(found)
