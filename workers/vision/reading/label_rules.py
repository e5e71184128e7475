"""What a shelf price label says: from lines of text and codes to price, unit price, member price, name and GTIN, by rules that are told.

Which of a label's amounts is the price is decided by, in this order: the words beside it (a was-price, a saving, a member or unit price is
never the price), the size of its figures (the price is printed largest), its currency sign and decimals. Two amounts that could both be
the price are not guessed between: the label is refused, with the reason. So is a figure whose characters are unsure, an amount that lost
its decimal point, and a price that its own unit price contradicts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from storeloom.workers import gs1
from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.reading.amounts import (
    IGNORED,
    Amount,
    Role,
    amounts,
    content_of,
    currency_of,
    plain,
    role_of,
    unit_measure,
)
from storeloom.workers.vision.reading.results import Code, PriceLabel, Text, around

LIKE_SIZE = 0.8
SMALL_CENTS = 0.85
LEAST_CHARACTER = 0.6
SURE_FIGURES = 0.9
OVERLAP = 0.25
UNIT_TOLERANCE = 0.015
NO_NAME = re.compile(
    r"规格|产地|单位|等级|计价|条码|零售价|会员|原价|特价|现价|促销|惊爆|净含量|品名|商品名|\b(?:price|member|unit|origin|save|was|now|barcode|special|offer)\b",
    re.I,
)
LABELLED_NAME = re.compile(r"^(?:品名|商品名称?|name)\s*[::]?\s*", re.I)


@dataclass(frozen=True)
class Found:
    """An amount with the line it stands in, the height of its figures and the probability of its least sure character."""

    amount: Amount
    text: Text
    height: float
    least: float


@dataclass(frozen=True)
class LabelRules:
    """The store's currency (ISO 4217) and its decimals; `aspect` is the picture's width over its height, for measuring slanted lines.

    A price of three or more figures without decimals is more often one whose point was not seen: it is refused unless `whole_prices`.
    """

    currency: str = "CNY"
    minor_digits: int = 2
    aspect: float = 1.0
    whole_prices: bool = False


def understand(texts: Sequence[Text], codes: Sequence[Code], rules: LabelRules, box: Box | None = None) -> PriceLabel:
    """What a label says whose lines and codes were read; `box` defaults to what these fill."""
    lines = [replace(text, text=plain(text.text)) for text in join_cents(texts, rules)]
    quads = [*(text.quad for text in texts), *(code.quad for code in codes)]
    points = [point for quad in quads for point in quad]
    place = box if box is not None else around(points) if points else (0.0, 0.0, 1.0, 1.0)
    found = [
        Found(amount, text, height(text, rules), text.least(*amount.span))
        for text in lines
        for amount in amounts(text.text, rules.minor_digits)
    ]
    found = [replace(one, amount=replace(one.amount, role=_role(one, lines, rules))) for one in found]
    blank = PriceLabel(place, None, rules.currency, name=name_of(lines, rules), gtin=gtin_of(lines, codes))
    return _priced(blank, found, lines, rules)


def _priced(blank: PriceLabel, found: Sequence[Found], lines: Sequence[Text], rules: LabelRules) -> PriceLabel:
    members, units = ([one for one in found if one.amount.role == role] for role in ("member", "unit"))
    label = replace(
        blank,
        member_price_minor=_largest(members).amount.minor if members else None,
        unit_price_minor=_largest(units).amount.minor if units else None,
        unit=_largest(units).amount.unit if units else None,
    )
    candidates = [one for one in found if one.amount.role in (None, "price") and _could_be_price(one, found, lines, rules)]
    if not candidates and units and _largest(units) is _largest(found):
        candidates = [replace(one, amount=replace(one.amount, role="price")) for one in units]
        label = replace(label, why=("sold_by_measure",))
    if not candidates:
        return replace(label, refusal="no_price")
    best = _largest(candidates)
    worded = best.amount.role == "price"
    rivals = [one for one in candidates if one.amount.minor != best.amount.minor and one.height >= LIKE_SIZE * best.height]
    if any((one.amount.role == "price") >= worded for one in rivals):
        return replace(label, refusal="two_prices")
    refusal = _doubt(best, found, label, lines, rules)
    if refusal is not None:
        label = replace(label, unit_price_minor=None, unit=None) if refusal == "unit_price_disagrees" else label
        return replace(label, refusal=refusal)
    why = [*label.why, "largest_figures"]
    why += ["price_word"] if worded else []
    why += ["currency_sign"] if best.amount.currency is not None else []
    sure = best.least * (1.0 if best.amount.currency is not None else 0.9) * (1.0 if best.amount.decimals else 0.9)
    if _unit_price_ratio(best, label, lines) is not None:
        why.append("unit_price_agrees")
        sure = 1 - (1 - sure) / 2
    currency = currency_of(best.amount.currency, rules.currency)
    return replace(label, price_minor=best.amount.minor, currency=currency, confidence=round(sure, 4), why=tuple(why))


def _largest(found: Sequence[Found]) -> Found:
    return max(found, key=lambda one: one.height)


def _could_be_price(one: Found, found: Sequence[Found], lines: Sequence[Text], rules: LabelRules) -> bool:
    """Whether an amount has a currency sign, a price's words or decimals, or stands alone in the label's largest figures."""
    if one.amount.currency is not None or one.amount.role == "price":
        return True
    if one.amount.decimals and one.amount.alone:
        return True
    return one.amount.alone and one.height >= max(height(line, rules) for line in lines)


def _doubt(best: Found, found: Sequence[Found], label: PriceLabel, lines: Sequence[Text], rules: LabelRules) -> str | None:
    """Why the largest amount is not to be believed."""
    if best.least < LEAST_CHARACTER:
        return "unsure_characters"
    if rules.minor_digits and not best.amount.decimals and len(best.amount.whole) > 2 and not rules.whole_prices:
        return "no_decimal_point"
    if rules.minor_digits == 2 and best.amount.decimals == 1 and any(one.amount.decimals == 2 for one in found):
        return "lost_decimal"
    if not best.amount.decimals and any(_loose(best.text, line, rules) for line in lines):
        return "loose_figures"
    ratio = _unit_price_ratio(best, label, lines)
    if ratio is not None and abs(ratio - 1) > UNIT_TOLERANCE:
        return "unit_price_disagrees"
    member = label.member_price_minor
    return "member_price_above_price" if member is not None and member > best.amount.minor else None


def _loose(price: Text, line: Text, rules: LabelRules) -> bool:
    """Whether a line is a few figures beside a price, which may be its decimals."""
    gap = (line.box[0] - price.box[0] - price.box[2]) * rules.aspect
    beside = (
        -height(price, rules) < gap < height(price, rules) and price.box[1] < line.box[1] + line.box[3] / 2 < price.box[1] + price.box[3]
    )
    return line is not price and beside and re.fullmatch(r"[.,]?\d{1,3}", line.text) is not None


def _unit_price_ratio(best: Found, label: PriceLabel, lines: Sequence[Text]) -> float | None:
    """The price that unit price and content make, over the price read; None where the label does not say both."""
    contents = {content for line in lines if (content := content_of(line.text)) is not None}
    if label.unit is None or label.unit_price_minor is None or len(contents) != 1 or "sold_by_measure" in label.why:
        return None
    (kind, held), (measure, amount) = contents.pop(), unit_measure(label.unit)
    if kind != measure or best.amount.minor == 0:
        return None
    made, rounding = label.unit_price_minor * held / amount, held / amount
    if abs(made - best.amount.minor) <= max(1.0, rounding):
        return 1.0
    return made / best.amount.minor


def _role(one: Found, lines: Sequence[Text], rules: LabelRules) -> Role | None:
    """An amount's role by its own line, else by the words left of it or right above it."""
    if one.amount.role is not None:
        return one.amount.role
    x, y, width, high = one.text.box
    best: tuple[float, Role] | None = None
    for line in lines:
        if line is one.text or any(amounts(line.text, rules.minor_digits)) or (role := role_of(line.text)) is None:
            continue
        left, top, wide, tall = line.box
        middle = top + tall / 2
        overlap = min(x + width, left + wide) - max(x, left)
        if y <= middle <= y + high and left + wide / 2 < x + width / 2:
            distance = max(x - left - wide, 0.0)
            near = distance < 3 * tall / rules.aspect
        else:
            distance = abs(y - top - tall)
            near = distance < 0.8 * tall and middle < y + high / 2 and overlap > 0.5 * min(width, wide)
        if near and (best is None or distance < best[0]):
            best = distance, role
    return best[1] if best is not None else None


def height(text: Text, rules: LabelRules) -> float:
    """The height of a line's figures in shares of the picture's height, whatever its slant."""
    (x0, y0), _, _, (x1, y1) = text.quad
    return math.hypot((x1 - x0) * rules.aspect, y1 - y0)


def join_cents(texts: Sequence[Text], rules: LabelRules) -> list[Text]:
    """The lines, with small decimals that stand apart joined to the figure before them, and a currency sign to the figure after it."""
    rest = sorted(texts, key=lambda one: one.box[0])
    joined: list[Text] = []
    while rest:
        text = rest.pop(0)
        while (after := next((one for one in rest if _continues(text, one, rules)), None)) is not None:
            rest.remove(after)
            if text.text.endswith(".") and after.text.startswith("."):
                text = replace(text, text=text.text[:-1], chances=text.chances[:-1])
            if text.text.endswith("元") and after.text.startswith("元"):  # one character, found at the end of both
                text = replace(text, text=text.text[:-1], chances=text.chances[:-1])
            gap = "." if re.search(r"\d$", plain(text.text)) and not after.text.startswith((".", ",", "元", "/")) else ""
            tall = max((text, after), key=lambda one: height(one, rules))
            points = (*text.quad, *after.quad)
            quad = (text.quad[0], after.quad[1], after.quad[2], text.quad[3]) if tall is text else tall.quad
            chances = (*_chances(text), *(1.0 for _ in gap), *_chances(after))
            text = Text(text.text + gap + after.text, min(text.score, after.score), around(points), quad, chances)
        joined.append(text)
    return sorted(joined, key=lambda one: (one.box[1], one.box[0]))


def _chances(text: Text) -> tuple[float, ...]:
    return text.chances or (text.score,) * len(text.text)


def _continues(first: Text, second: Text, rules: LabelRules) -> bool:
    """Whether `second` goes on with the amount that `first` begins."""
    one, two = height(first, rules), height(second, rules)
    gap = (second.box[0] - first.box[0] - first.box[2]) * rules.aspect
    top, middle = second.box[1], second.box[1] + second.box[3] / 2
    beside = -0.6 * one < gap < 0.5 * max(one, two) and first.box[1] - 0.2 * one < middle < first.box[1] + 1.2 * first.box[3]
    if re.fullmatch(r"[¥$€£夫半羊关]", plain(first.text)) and re.match(r"\d", second.text):
        return -0.3 * two < gap < 0.6 * two and top - 0.3 * two < first.box[1] + first.box[3] / 2 < top + second.box[3] * 1.2
    if not beside or two > SMALL_CENTS * one:
        return False
    apart = gap > -OVERLAP * one  # two boxes that overlap more may both hold the same figure
    if apart and re.fullmatch(r"[¥$€£]?\s?\d{1,5}\.?", plain(first.text)) and re.fullmatch(r"[.,]?\d{1,2}(?:\s?元)?(?:/\S+)?", second.text):
        return True
    return bool(re.fullmatch(r"[¥$€£]?\s?\d{1,5}(?:\.\d{1,2})?元?", plain(first.text)) and re.fullmatch(r"元?(?:/\S+)?", second.text))


def name_of(lines: Sequence[Text], rules: LabelRules) -> str | None:
    """The item's name: the line after the word for it, else the largest line of words that is about nothing else."""
    best: tuple[float, str] | None = None
    for line in lines:
        if LABELLED_NAME.match(line.text):
            return LABELLED_NAME.sub("", line.text).strip() or None
        letters = sum(character.isalpha() for character in line.text)
        if letters < 2 or NO_NAME.search(line.text) or IGNORED.search(line.text) or any(amounts(line.text, rules.minor_digits)):
            continue
        weight = height(line, rules) * min(letters, 12) ** 0.5
        if best is None or weight > best[0]:
            best = weight, line.text.strip()
    return best[1] if best is not None else None


def gtin_of(lines: Sequence[Text], codes: Sequence[Code]) -> str | None:
    """The one GTIN that the codes name, or else the one printed in sure figures with a right check digit; None where there are two."""
    named = {code.gtin for code in codes if code.gtin is not None}
    if not named:
        sure = [line for line in lines if line.least() >= SURE_FIGURES]
        printed = [figures for line in sure for figures in re.findall(r"(?<!\d)(?:\d[ -]?){7,13}\d(?!\d)", line.text)]
        plainly = [re.sub(r"[ -]", "", figures) for figures in printed]
        named = {
            gs1.normalise_gtin(figures) for figures in plainly if len(figures) in (8, 12, 13, 14) and gs1.has_valid_check_digit(figures)
        }
    return named.pop() if len(named) == 1 else None
