"""Labels of goods that a store weighs itself: an in-store EAN-13 of prefix, price look-up number and price."""

from collections.abc import Iterable, Mapping
from typing import Any

from .embedded import DEFAULT_LAYOUT, EmbeddedLayout
from .numbers import CodeError, is_digits

PLU_DIGITS = 5
MOST_AMOUNT = 99_999


def plu_of(product: Mapping[str, Any]) -> str | None:
    """The price look-up number of a row of the table `products`: its `plu`, else the item of an in-store GTIN; None where there is none."""
    if product.get("plu"):
        return str(product["plu"])
    gtin = str(product.get("gtin", ""))[-13:]
    try:
        return DEFAULT_LAYOUT.read(gtin).item
    except CodeError:
        return None


def by_plu(products: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """GTIN by price look-up number, without its leading zeros."""
    return {plu.lstrip("0"): str(product["gtin"]) for product in products if (plu := plu_of(product)) is not None}


def price_code(prefix: str, plu: str, amount: int) -> str | None:
    """EAN-13 of a two-digit in-store prefix, the PLU in five digits and the amount (minor units) in five.

    None for an amount over 99999, which has no room. CodeError for a PLU that is none of 1 to 5 digits.
    """
    if not is_digits(plu) or len(plu.lstrip("0")) > PLU_DIGITS:
        raise CodeError(f"PLU {plu!r}: 1 to {PLU_DIGITS} digits expected")
    if amount > MOST_AMOUNT:
        return None
    return EmbeddedLayout(prefixes={prefix: "price"}).build(prefix, plu[-PLU_DIGITS:], amount)
