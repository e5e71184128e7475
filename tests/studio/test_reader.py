"""The address of the reader's browser: a proxy is heeded only where it is named, and only for what it saw itself."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra studio is absent")
from storeloom.studio import reader


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["1.2.3.4", " 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "unknown"], None),
        ([""], None),
        (["10.0.0.2"], None),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has_counts(said: list[str], address: str | None) -> None:
    assert reader.behind(said, {"10.0.0.2"}) == address


def comes(monkeypatch: pytest.MonkeyPatch, peer: str | None, forwarded: str, proxies: str) -> str | None:
    headers = SimpleNamespace(get_all=lambda name: [forwarded] if name == "X-Forwarded-For" and forwarded else [])
    fake: Any = SimpleNamespace(context=SimpleNamespace(ip_address=peer, headers=headers))
    monkeypatch.setattr(reader, "st", fake)
    monkeypatch.setenv("STORELOOM_STUDIO_PROXY", proxies)
    return reader.reader_address()


def test_a_header_counts_only_from_a_proxy_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert comes(monkeypatch, "198.51.100.1", "203.0.113.9", "") == "198.51.100.1"
    assert comes(monkeypatch, "198.51.100.1", "203.0.113.9", "10.0.0.2") == "198.51.100.1"
    assert comes(monkeypatch, "10.0.0.2", "203.0.113.9", "10.0.0.2") == "203.0.113.9"
    assert comes(monkeypatch, None, "203.0.113.9", "127.0.0.1") == "203.0.113.9"
    assert comes(monkeypatch, None, "203.0.113.9", "") is None
    assert comes(monkeypatch, None, "", "127.0.0.1") is None
