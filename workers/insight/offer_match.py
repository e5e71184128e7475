"""Which own item a competitor's offer is: by the words of brand, name and flavour (Jaccard, 1901) and by the content of the pack.

Runs of Chinese are cut into pairs of signs, which need no dictionary (Nie, Gao, Zhang and Zhou, "On the use of words and n-grams for
Chinese information retrieval", 2000). A pack's content is all pieces of a multipack together, in grams, millilitres or pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from storeloom.workers.insight.likeness import jaccard

Row = Mapping[str, Any]
UNITS = {
    "g": ("g", 1), "kg": ("g", 1000), "克": ("g", 1), "千克": ("g", 1000), "公斤": ("g", 1000), "斤": ("g", 500),
    "ml": ("ml", 1), "l": ("ml", 1000), "cl": ("ml", 10), "毫升": ("ml", 1), "升": ("ml", 1000), "each": ("each", 1), "pcs": ("each", 1),
}  # fmt: skip
NAMES = "|".join(sorted((name for name in UNITS if name != "each"), key=len, reverse=True))
NUMBER = r"\d+(?:\.\d+)?"
PACK = re.compile(rf"(?:(\d+)\s*[x×*]\s*)?({NUMBER})\s*({NAMES})(?![a-z])(?:\s*[x×*]\s*(\d+))?", re.IGNORECASE)
WORD = re.compile(r"[一-鿿]+|[^\W_一-鿿]+")


class Content(NamedTuple):
    """A quantity in `g`, `ml` or `each`."""

    amount: float
    unit: str


def text_of(row: Row) -> str:
    """Brand, name and flavour of a product or an offer in one spelling."""
    flavour = row.get("flavour") or (row.get("attributes") or {}).get("flavour")
    return unicodedata.normalize("NFKC", " ".join(str(one) for one in (row.get("brand"), row.get("name"), flavour) if one)).casefold()


def tokens(row: Row) -> frozenset[str]:
    """Words of a product or an offer, without the size of the pack."""
    found: set[str] = set()
    for word in WORD.findall(PACK.sub(" ", text_of(row))):
        chinese = "一" <= word[0] <= "鿿"
        found |= {word[n : n + 2] for n in range(len(word) - 1)} if chinese and len(word) > 1 else {word}
    return frozenset(found)


def content(row: Row, amount: str, unit: str) -> Content | None:
    """What a pack holds: by its name where that tells of a multipack, else by its fields of these names, else by its name; None unknown."""
    said = PACK.search(text_of(row))
    count = int(said.group(1) or said.group(4) or 1) if said else 1
    given = UNITS.get(str(row.get(unit) or "").casefold())
    if row.get(amount) and given and count == 1:
        return Content(row[amount] * given[1], given[0])
    if said is None:
        return None
    kind, factor = UNITS[said.group(3).casefold()]
    return Content(count * float(said.group(2)) * factor, kind)


def equal(one: Content | None, other: Content | None, tolerance_pct: float) -> bool:
    """Whether two known contents are the same within a share of the larger."""
    if one is None or other is None or one.unit != other.unit:
        return False
    return abs(one.amount - other.amount) <= max(one.amount, other.amount) * tolerance_pct / 100 + 1e-9


class Candidate(NamedTuple):
    """An own item as offers are compared with it."""

    gtin: str
    words: frozenset[str]
    content: Content | None


def candidates(products: Iterable[Row]) -> list[Candidate]:
    """Own items, made once for a table."""
    return [Candidate(row["gtin"], tokens(row), content(row, "net_content", "content_unit")) for row in products]


def best(offer: Row, own: Iterable[Candidate], tolerance_pct: float) -> tuple[float, str | None]:
    """The most similar item of the same content, with its similarity (0..1); ties by gtin."""
    words, size = tokens(offer), content(offer, "content", "unit")
    scored = [(jaccard(words, one.words), one.gtin) for one in own if equal(size, one.content, tolerance_pct)]
    return min(scored, key=lambda pair: (-pair[0], pair[1]), default=(0.0, None))


def in_own_pack(price: float, offer: Row, product: Row) -> float:
    """An offer's price for as much as the own pack holds; as it is where one of the contents is not known."""
    theirs, ours = content(offer, "content", "unit"), content(product, "net_content", "content_unit")
    return price * ours.amount / theirs.amount if theirs and ours and theirs.unit == ours.unit and theirs.amount > 0 else price
