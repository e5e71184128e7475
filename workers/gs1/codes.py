"""Take a scanned code apart: GTIN, in-store code, GS1 element string, Digital Link, or something of the store's own."""

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from biip import BiipException, ParseConfig
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message

from .embedded import DEFAULT_LAYOUT, EmbeddedCode, EmbeddedLayout
from .numbers import GTIN_LENGTHS, CodeError, gs1_date, is_digits, normalise_gtin

SEPARATOR = "\x1d"
_MARKED = re.compile(r"^\](?P<id>[A-Za-z]\w)")
_GTIN_SYMBOLOGIES = frozenset({"E0", "E4"})
_MESSAGE_SYMBOLOGIES = frozenset({"C1", "e0", "d2", "Q3", "J1"})
_UNMARKED_MESSAGE = re.compile(r"^(0[12]\d{14}.|00\d{18}|255\d{13})")
# Dates are read by gs1_date, which takes the century from the event's day and not from the machine's clock.
_CONFIG = ParseConfig(gs1_element_strings_verify_date=False)


@dataclass(frozen=True)
class Code:
    """A code and what it says. `gtin` has 14 digits; `ai` holds the raw value of each application identifier.

    `weight_g` grams, `price` minor units (of an in-store code, AI 392n or 393n), `currency` ISO 4217 numeric (AI 393n),
    `count` pieces (AI 30 or 37). Kind `other` is no GS1 code: a member card, a coupon, a pick-up code.
    """

    raw: str
    kind: Literal["gtin", "embedded", "element_string", "digital_link", "other"]
    gtin: str | None = None
    ai: dict[str, str] = field(default_factory=dict)
    lot: str | None = None
    serial: str | None = None
    expiry: date | None = None
    best_before: date | None = None
    sscc: str | None = None
    coupon: str | None = None
    weight_g: int | None = None
    price: int | None = None
    currency: str | None = None
    count: int | None = None
    embedded: EmbeddedCode | None = None


def parse(raw: str, *, on: date, layout: EmbeddedLayout | None = DEFAULT_LAYOUT, minor_digits: int = 2) -> Code:
    """Read a code as a scanner gives it, with or without its symbology identifier (`]C1`), or typed with brackets.

    `on` is the day of the scan, for the century of dates; `minor_digits` the decimals of the store's currency. Without
    a marker, bracket or separator only text that begins like 01, 02, 00 or 255 is tried as an element string, since
    nearly any number fits some identifier. CodeError when a code claims to be GS1's and breaks its rules.
    """
    text = raw.strip()
    marked = _MARKED.match(text)
    symbology = marked["id"] if marked else None
    body = text[3:] if marked else text
    if body.startswith(("http://", "https://")):
        return _digital_link(raw, body, on, minor_digits)
    if symbology in _MESSAGE_SYMBOLOGIES:
        return _message(raw, body.lstrip(SEPARATOR), on, minor_digits)
    if symbology in _GTIN_SYMBOLOGIES or (is_digits(body) and len(body) in GTIN_LENGTHS):
        return _number(raw, body, layout)
    if body.startswith("(") or SEPARATOR in body:
        return _message(raw, body.lstrip(SEPARATOR), on, minor_digits)
    if _UNMARKED_MESSAGE.match(body):
        return _message(raw, body, on, minor_digits)
    return Code(raw, "other")


def _number(raw: str, body: str, layout: EmbeddedLayout | None) -> Code:
    if layout is None or not layout.matches(body):
        return Code(raw, "gtin", gtin=normalise_gtin(body))
    found = layout.read(body)
    price, weight = (found.value, None) if found.measure == "price" else (None, found.value)
    return Code(raw, "embedded", gtin=found.base.zfill(14), price=price, weight_g=weight, embedded=found)


def _message(raw: str, body: str, on: date, minor_digits: int) -> Code:
    try:
        if body.startswith("("):
            message = GS1Message.parse_hri(body, config=_CONFIG)
        else:
            message = GS1Message.parse(body, config=_CONFIG)
    except BiipException as error:
        raise CodeError(f"element string {raw!r}: {error}") from error
    return _read(raw, "element_string", list(message.element_strings), on, minor_digits)


def _digital_link(raw: str, body: str, on: date, minor_digits: int) -> Code:
    try:
        link = GS1DigitalLinkURI.parse(body, config=_CONFIG)
    except BiipException:
        return Code(raw, "other")  # a web address is not by itself a claim to be a Digital Link
    return _read(raw, "digital_link", list(link.element_strings), on, minor_digits)


def _read(
    raw: str,
    kind: Literal["element_string", "digital_link"],
    elements: list[GS1ElementString],
    on: date,
    minor_digits: int,
) -> Code:
    ai = {element.ai.ai: element.value for element in elements}
    for element in elements:
        fault = element.gtin_error or element.sscc_error
        if fault:
            raise CodeError(f"AI {element.ai.ai} of {raw!r}: {fault}")
    item = ai.get("01") or ai.get("02")
    expiry = ai.get("17") or ai.get("7003", "")[:6]
    best_before, count = ai.get("15"), ai.get("30") or ai.get("37")
    price, currency = _price(elements, minor_digits)
    return Code(
        raw,
        kind,
        gtin=item.zfill(14) if item else None,
        ai=ai,
        lot=ai.get("10"),
        serial=ai.get("21"),
        expiry=gs1_date(expiry, on) if expiry else None,
        best_before=gs1_date(best_before, on) if best_before else None,
        sscc=ai.get("00"),
        coupon=ai.get("255"),
        weight_g=_weight_g(elements),
        price=price,
        currency=currency,
        count=int(count) if count else None,
    )


def _weight_g(elements: list[GS1ElementString]) -> int | None:
    for element in elements:
        if element.ai.ai.startswith("310") and element.decimal is not None:
            return int((element.decimal * 1000).quantize(Decimal(1), ROUND_HALF_UP))
    return None


def _price(elements: list[GS1ElementString], minor_digits: int) -> tuple[int | None, str | None]:
    """Amount payable of a variable measure item, AI 392n (store's currency) or 393n (with its currency)."""
    for element in elements:
        if element.ai.ai[:3] in ("392", "393") and element.decimal is not None:
            minor = element.decimal.scaleb(minor_digits)
            if minor != int(minor):
                raise CodeError(f"AI {element.ai.ai}: {element.decimal} has more than {minor_digits} decimals")
            return int(minor), element.value[:3] if element.ai.ai.startswith("393") else None
    return None, None
