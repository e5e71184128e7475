"""GS1 codes: trade item numbers, element strings, Digital Links and in-store codes with an embedded price or weight."""

from .codes import Code, parse
from .embedded import DEFAULT_LAYOUT, EmbeddedCode, EmbeddedLayout
from .numbers import CodeError, check_digit, gs1_date, has_valid_check_digit, item_key, normalise_gtin

__all__ = [
    "DEFAULT_LAYOUT",
    "Code",
    "CodeError",
    "EmbeddedCode",
    "EmbeddedLayout",
    "check_digit",
    "gs1_date",
    "has_valid_check_digit",
    "item_key",
    "normalise_gtin",
    "parse",
]
