"""Amounts of money in a line of text: value, currency, what they are the price of, and what the words beside them say they are."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Role = Literal["price", "member", "was", "offer", "unit"]
SIGNS = {"¥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "元": "CNY", "RMB": "CNY", "CNY": "CNY", "USD": "USD", "EUR": "EUR", "GBP": "GBP"}
SAME_SIGN = ({"CNY", "JPY"}, {"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN"})
WORDS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("was", re.compile(r"原价|原售价|划线价|市场价|门市价|建议零售价|\bwas\b|\brrp\b|\blist price\b|\boriginal", re.I)),
    ("member", re.compile(r"会员|\bvip\b|\bmember|\bclub\b|\bcard price", re.I)),
    ("offer", re.compile(r"立减|立省|节省|直降|满|返|减|任选|第二件|\bsave\b|\boff\b|\d\s*for\b|\bdeposit|押金|积分|\bpoints\b", re.I)),
    ("unit", re.compile(r"单位价|折合|每(?:千克|公斤|升)|\bunit price|\bper (?:kg|l|litre|100)", re.I)),
)
IGNORED = re.compile(
    r"电话|监督|投诉|举报|日期|有效期|\btel\b|\bdate\b|\bvalid\b|\bexp\b|货号|编码|编号|库存|\bsku\b|\bstock\b|\bitem no", re.I
)
PRICE_WORD = re.compile(r"零售价|现价|特价|促销价|售价|惊爆价|优惠价|单价|\bprice\b|\bnow\b|\bonly\b|\bspecial\b", re.I)
NOISE = re.compile(
    r"\d{4}\s*[-./年]\s*\d{1,2}\s*[-./月]\s*\d{1,2}日?"  # dates
    r"|\d{3,4}-\d{7,8}|(?<!\d)\d{7,}(?!\d)"  # telephone and item numbers
    r"|\d+(?:\.\d+)?\s*(?:%|折)"
    r"|(?<![\d/.])\d{1,2}[/.月]\d{1,2}日?\s*[-~—至]\s*\d{1,2}[/.月]\d{1,2}日?"
)
MEASURE = r"kg|公斤|千克|ml|毫升|g|克|l|升|斤"
CONTENT = re.compile(rf"(?<![\d./])(\d{{1,5}}(?:\.\d{{1,3}})?)\s*({MEASURE})(?![a-z])(?:\s*[x×*]\s*(\d{{1,3}})(?!\d))?", re.I)
AMOUNT = re.compile(
    r"(?<![\d.,-])(?P<sign>[¥$€£]|\b(?:RMB|CNY|USD|EUR|GBP))?\s*"
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,6})(?:(?P<point>[.,])(?P<cents>\d{1,2}))?(?![\d]|[.,]\d)\s*(?P<after>元|€)?"
    rf"(?:\s*(?:/|每|\bper\b)\s*(?P<count>\d{{0,4}})\s*(?P<unit>{MEASURE}|[^\W\d_]{{1,5}}))?",
    re.I,
)
MISREAD_SIGN = re.compile(r"(?<![一-鿿A-Za-z])[夫半羊关平Y￥](?=\s?\d)")
UNITS = {"kg": "kg", "公斤": "kg", "千克": "kg", "g": "g", "克": "g", "l": "L", "升": "L", "ml": "ml", "毫升": "ml", "斤": "500g"}
BASE = {"kg": ("g", 1000.0), "g": ("g", 1.0), "L": ("ml", 1000.0), "ml": ("ml", 1.0), "500g": ("g", 500.0)}


@dataclass(frozen=True)
class Amount:
    """An amount in a line: `minor` units, its currency where the line says it, and its `role` by the line's own words.

    `unit` is that of a unit price (`kg`, `100g`, `ml`...), `decimals` the number of digits after the point, `whole` its digits before it;
    `alone` tells that the line says nothing else, `span` where its figures stand in the line.
    """

    minor: int
    currency: str | None
    role: Role | None
    unit: str | None
    decimals: int
    whole: str
    alone: bool
    span: tuple[int, int]


def plain(text: str) -> str:
    """A line, as long as before, with full-width signs made ASCII, and the signs for which ¥ is often taken put right before figures."""
    narrow = (unicodedata.normalize("NFKC", character) for character in text.replace("￥", "¥"))
    return MISREAD_SIGN.sub("¥", "".join(new if len(new) == 1 else old for old, new in zip(text, narrow, strict=True)))


def role_of(line: str) -> Role | None:
    """What the words of a line say its amounts are; None where they say nothing."""
    for role, words in WORDS:
        if words.search(line):
            return role
    return "price" if PRICE_WORD.search(line) else None


def amounts(line: str, minor_digits: int = 2) -> list[Amount]:
    """The amounts in a plain line, from left to right; none in lines about dates, telephones and stock, and no contents (500 ml).

    Of a line with several prices each takes the words between it and the one before it.
    """
    if IGNORED.search(line):
        return []
    kept = NOISE.sub(lambda found: " " * len(found[0]), line)
    kept = CONTENT.sub(lambda found: found[0] if _priced(kept, found.start()) else "#" * len(found[0]), kept)
    found, begin = [], 0
    for match in AMOUNT.finditer(kept):
        role = role_of(kept[begin : match.end()])
        begin = match.end()
        amount = _amount(match, role, minor_digits, alone=not re.search(r"[^\W_]", kept.replace(match[0], "", 1).replace("元", "")))
        found += [amount] if amount is not None else []
    return found


def _priced(line: str, start: int) -> bool:
    """Whether a content at `start` is the measure of a unit price (`/500g`) rather than of the item."""
    return bool(re.search(r"(?:/|每|\bper)\s*$", line[:start], re.I))


def _amount(match: re.Match[str], role: Role | None, minor_digits: int, *, alone: bool) -> Amount | None:
    cents = match["cents"] or ""
    if len(cents) > minor_digits:
        return None
    span = match.start("whole"), match.end("cents") if cents else match.end("whole")
    minor = int(match["whole"].replace(",", "") + cents.ljust(minor_digits, "0"))
    sign = (match["sign"] or match["after"] or "").upper()
    unit, count = (match["unit"] or "").lower(), match["count"] or ""
    if unit in UNITS:
        name = UNITS[unit]
        measure = name if count in ("", "1") else f"{count}{name}"
        return Amount(minor, SIGNS.get(sign), "unit", measure, len(cents), match["whole"], alone, span)
    return Amount(minor, SIGNS.get(sign), role, None, len(cents), match["whole"], alone, span)


def content_of(line: str) -> tuple[str, float] | None:
    """How much an item holds, as ('g' or 'ml', amount), by the first content that a line names; of a multipack all of it."""
    for match in CONTENT.finditer(line):
        if not _priced(line, match.start()):
            base, factor = BASE[UNITS[match[2].lower()]]
            return base, float(match[1]) * factor * int(match[3] or 1)
    return None


def unit_measure(unit: str) -> tuple[str, float]:
    """A unit price's unit as ('g' or 'ml', amount)."""
    match = re.fullmatch(r"(\d*)(kg|g|L|ml)", unit)
    if match is None:
        raise ValueError(f"unit {unit!r}: a number and kg, g, L or ml expected")
    base, factor = BASE[match[2]]
    return base, factor * int(match[1] or 1)


def currency_of(said: str | None, store: str) -> str:
    """The currency meant: the store's where nothing is said or where its sign is the same (¥ of CNY and JPY, $ of the dollars)."""
    if said is None or any(said in group and store in group for group in SAME_SIGN):
        return store
    return said
