"""The item that an RFID tag names: SGTIN-96 as read from the tag, as a URI, or as a Digital Link (GS1 EPC Tag Data Standard 2.0)."""

from __future__ import annotations

import re
from typing import NamedTuple

from storeloom.workers.gs1.numbers import CodeError, check_digit, normalise_gtin

SGTIN_96 = 0x30
SERIAL_BITS = 38
PARTITIONS = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
"""Bits and digits of the company prefix by partition value (table 14-2); item references take the rest of 44 bits and 13 digits."""
URI = re.compile(r"^urn:epc:(?:id:sgtin:|tag:sgtin-96:\d\.)(?P<prefix>\d{6,12})\.(?P<item>\d{1,7})\.(?P<serial>[^.]+)$")
LINK = re.compile(r"^https?://[^/]+(?:/[^/]+)*?/01/(?P<gtin>\d{8,14})/(?:.*/)?21/(?P<serial>[^/?#]+)")


class Sgtin(NamedTuple):
    """A trade item with its serial: `gtin` in 14 digits."""

    gtin: str
    serial: str


def sgtin(epc: str) -> Sgtin | None:
    """GTIN and serial of an EPC; None for other schemes and for what is no EPC."""
    text = epc.strip()
    if re.fullmatch(r"[0-9A-Fa-f]{24}", text):
        return _bits(int(text, 16))
    if found := URI.match(text):
        return _joined(found["prefix"], found["item"], found["serial"])
    if found := LINK.match(text):
        try:
            return Sgtin(normalise_gtin(found["gtin"]), found["serial"])
        except CodeError:
            return None
    return None


def company_prefix(epc: str) -> str | None:
    """The GS1 company prefix of an EPC in bits or as a URI, with its leading noughts; None where it does not tell where that ends."""
    text = epc.strip()
    if re.fullmatch(r"[0-9A-Fa-f]{24}", text):
        parts = _parts(int(text, 16))
        return parts[0] if parts else None
    found = URI.match(text)
    return found["prefix"] if found else None


def uri(epc: str) -> str:
    """The pure identity URI of an SGTIN in bits or as a tag URI; any other text as it is."""
    text = epc.strip()
    if re.fullmatch(r"[0-9A-Fa-f]{24}", text):
        parts = _parts(int(text, 16))
        return "urn:epc:id:sgtin:" + ".".join(parts) if parts else text
    found = URI.match(text)
    return f"urn:epc:id:sgtin:{found['prefix']}.{found['item']}.{found['serial']}" if found else text


def _parts(number: int) -> tuple[str, str, str] | None:
    """Company prefix, indicator with item reference, and serial."""
    partition = (number >> 82) & 0b111
    if number >> 88 != SGTIN_96 or partition >= len(PARTITIONS):
        return None
    prefix_bits, prefix_digits = PARTITIONS[partition]
    item_bits = 44 - prefix_bits
    prefix = (number >> (SERIAL_BITS + item_bits)) & ((1 << prefix_bits) - 1)
    item = (number >> SERIAL_BITS) & ((1 << item_bits) - 1)
    digits = 13 - prefix_digits
    if prefix >= 10**prefix_digits or item >= 10**digits:
        return None
    return f"{prefix:0{prefix_digits}d}", f"{item:0{digits}d}", str(number & ((1 << SERIAL_BITS) - 1))


def _bits(number: int) -> Sgtin | None:
    parts = _parts(number)
    return _joined(*parts) if parts else None


def _joined(prefix: str, item: str, serial: str) -> Sgtin | None:
    """The indicator stands first in the item reference, and goes before the company prefix in the GTIN."""
    if len(prefix) + len(item) != 13:
        return None
    payload = item[0] + prefix + item[1:]
    return Sgtin(payload + str(check_digit(payload)), serial)
