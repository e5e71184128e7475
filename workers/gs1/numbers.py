"""GTINs, their check digit and GS1 dates."""

from calendar import monthrange
from datetime import date
from functools import lru_cache

from biip.checksums import gs1_standard_check_digit

GTIN_LENGTHS = frozenset({8, 12, 13, 14})


class CodeError(ValueError):
    """A code that claims to be GS1's and is not well formed."""


def is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def check_digit(payload: str) -> int:
    """Modulo 10 check digit of the digits before it (GS1 General Specifications 7.9.1); CodeError when not digits."""
    if not is_digits(payload):
        raise CodeError(f"check digit of {payload!r}: digits expected")
    return gs1_standard_check_digit(payload)


def has_valid_check_digit(code: str) -> bool:
    return len(code) > 1 and is_digits(code) and int(code[-1]) == check_digit(code[:-1])


def normalise_gtin(gtin: str) -> str:
    """GTIN-8, -12, -13 or -14 as 14 digits; CodeError on another length, on other signs and on a wrong check digit."""
    if len(gtin) not in GTIN_LENGTHS or not is_digits(gtin):
        raise CodeError(f"GTIN {gtin!r}: 8, 12, 13 or 14 digits expected")
    if not has_valid_check_digit(gtin):
        raise CodeError(f"GTIN {gtin!r}: check digit {gtin[-1]}, expected {check_digit(gtin[:-1])}")
    return gtin.zfill(14)


@lru_cache(maxsize=16384)
def item_key(gtin: str) -> str:
    """What two spellings of one item are compared by: a GTIN padded to 14 digits, any other item id as it is."""
    return gtin.zfill(14) if len(gtin) in GTIN_LENGTHS and is_digits(gtin) else gtin


def gs1_date(value: str, on: date) -> date:
    """Date of a YYMMDD field (AI 11, 13, 15, 17; of AI 7003 the first six digits).

    The century is the one within 49 years back and 50 ahead of `on`, and day 00 is the month's last (GS1 General
    Specifications 7.12 and 3.4.2). CodeError when no such day exists.
    """
    if len(value) != 6 or not is_digits(value):
        raise CodeError(f"GS1 date {value!r}: YYMMDD expected")
    year, month, day = on.year - on.year % 100 + int(value[:2]), int(value[2:4]), int(value[4:])
    if year - on.year > 50:
        year -= 100
    elif year - on.year < -49:
        year += 100
    if not 1 <= month <= 12 or day > monthrange(year, month)[1]:
        raise CodeError(f"GS1 date {value!r}: no such day in {year}")
    return date(year, month, day or monthrange(year, month)[1])
