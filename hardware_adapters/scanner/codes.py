"""What drivers of scanners share: what a scanned text says, and telling a code once.

A scanner may put the AIM symbology identifier before a code (ISO/IEC 15424: `]` and two signs, `]C1` for GS1-128); it is taken off the code
and says its `symbology`. Without it the symbology follows from the code's form, and a GS1 element string counts as GS1-128. What claims
to be GS1's and breaks its rules comes without `gtin` and `ai`. An in-store code of weighed goods has the goods' own code as `gtin`, and
`weight_g`, or `amount` in the currency's minor units, among its `values`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.recent import Recent

MARK = re.compile(r"^\]([A-Za-z])([0-9A-Za-z])")
KEPT_CONTROLS = "\x04\x1c\x1d\x1e\x1f"  # the separators of ISO/IEC 15434 and of GS1 element strings
LONGEST = 4296  # alphanumeric signs of the largest QR code
BY_LENGTH = {8: "ean8", 12: "upca", 13: "ean13"}
REMEMBERED = 256


class CodeConfig(SolutionConfig):
    """Settings of every scanner."""

    till: str = setting("", "Till that it belongs to", "所属收银台", effect="restart")
    repeat_s: float = setting(
        0.5, "The same code within this time is one", "相同条码视为一次的时间", unit="s", effect="restart", ge=0, le=3600
    )
    prefix: str = setting("", "Text that the scanner puts before each code", "扫码器附加的前缀", effect="restart", max_length=32)
    suffix: str = setting("", "Text that the scanner puts after each code", "扫码器附加的后缀", effect="restart", max_length=32)
    group_sign: str = setting("", "What it sends in place of the GS1 separator", "GS1 分隔符的替代字符", effect="restart", max_length=8)
    in_store: str = setting(
        "PPIIIIIVVVVVC", "Form of in-store codes: prefix P, item I, value V, check C", "店内码格式：前缀 P、商品 I、数值 V、校验 C",
        effect="restart", pattern=r"^P{1,2}I+V+C$", min_length=13, max_length=13,
    )  # fmt: skip
    in_store_prefixes: dict[str, Literal["price", "weight"]] = setting(
        lambda: {"21": "price", "22": "price", "23": "weight"},
        "What the value of an in-store code means, by prefix",
        "店内码数值的含义（按前缀）",
        effect="restart",
    )


class CodeReader:
    """Makes `scanner.code` of scanned texts."""

    def __init__(self, device: str, config: CodeConfig) -> None:
        from storeloom.workers.gs1 import EmbeddedLayout

        self.device, self.config = device, config
        self._layout = EmbeddedLayout(config.in_store, config.in_store_prefixes) if config.in_store_prefixes else None
        self._seen: Recent[str, float] = Recent(REMEMBERED)
        self._count = 0

    def fact(self, text: str, now: Any, mark: str = "") -> Fact | None:
        """The fact of a scanned text, None where it was told just now. `mark` is its AIM identifier where it does not stand in the text.

        ValueError for a text that can be no code: empty, longer than any, or with control characters.
        """
        config = self.config
        text = text.strip("\r\n").removeprefix(config.prefix).removesuffix(config.suffix)
        if config.group_sign:
            text = text.replace(config.group_sign, "\x1d")
        if not text or len(text) > LONGEST or any(ord(sign) < 32 and sign not in KEPT_CONTROLS for sign in text):
            raise ValueError("no code")
        if mark and not MARK.match(text):
            text = mark + text
        if self._repeated(text):
            return None
        self._count += 1
        data: dict[str, Any] = {"scanner": self.device, **described(text, now.date(), self._layout)}
        if config.till:
            data["till"] = config.till
        return Fact(now, "scanner.code", self.device, data, key=self._count)

    def _repeated(self, text: str) -> bool:
        """Whether it was seen within the set time; seeing it again begins the time anew."""
        at = time.monotonic()
        before = self._seen.pop(text, None)
        self._seen[text] = at
        return before is not None and at - before < self.config.repeat_s


def described(text: str, on: date, layout: Any) -> dict[str, Any]:
    """`code`, `symbology` and what else a text says, as in `scanner.code`; `on` is the day, for the century of its dates."""
    from storeloom.workers.gs1 import CodeError, parse

    marked = MARK.match(text)
    body = text[3:] if marked else text
    if marked and marked[0] == "]E3":
        text = text[: 3 + 13]  # the add-on of two or five digits is no part of the GTIN
    try:
        code = parse(text, on=on, layout=layout)
    except CodeError:
        return {"code": body, "symbology": _by_mark(marked, body) or "other"}
    data: dict[str, Any] = {"code": body, "symbology": _symbology(marked, body, code.kind)}
    if code.kind == "embedded" and code.embedded is not None:
        name = "amount" if code.embedded.measure == "price" else "weight_g"
        data |= {"gtin": code.embedded.base, "values": {name: code.embedded.value}}
    elif code.kind == "gtin":
        data["gtin"] = text[3:] if marked else text
    elif code.gtin:
        data["gtin"] = code.gtin.removeprefix("0")
    if code.ai:
        data["ai"] = code.ai
    return data


def _by_mark(marked: re.Match[str] | None, body: str) -> str:
    if marked is None:
        return ""
    letter, modifier = marked[1], marked[2]
    if letter == "E":
        return "ean8" if modifier == "4" else "upca" if len(body) == 12 else "ean13"
    known: Mapping[str, str] = {
        "C": "gs1_128" if modifier == "1" else "code128",
        "e": "databar",
        "d": "gs1_datamatrix" if modifier == "2" else "datamatrix",
        "Q": "qr",
    }
    return known.get(letter, "other")


def _symbology(marked: re.Match[str] | None, body: str, kind: str) -> str:
    if kind == "digital_link":
        return "digital_link"
    if marked is not None:
        return _by_mark(marked, body)
    if kind in ("gtin", "embedded"):
        return BY_LENGTH.get(len(body), "other")
    return "gs1_128" if kind == "element_string" else "other"
