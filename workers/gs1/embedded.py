"""In-store EAN-13 (restricted circulation numbers) that carry a price or a weight, in layouts that each retailer sets.

The value's own verifier digit, used in some countries, is not checked; it counts as part of the item.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .numbers import CodeError, check_digit, has_valid_check_digit, is_digits

Measure = Literal["price", "weight"]


@dataclass(frozen=True)
class EmbeddedCode:
    """What an in-store code says: `value` is minor units for a price, grams for a weight.

    `item` is the PLU with its leading zeros; `base` the same code with value 0, which stands for the item itself.
    """

    prefix: str
    item: str
    measure: Measure
    value: int
    base: str


@dataclass(frozen=True)
class EmbeddedLayout:
    """Where prefix P, item I, value V and check digit C stand, and what V means under each prefix.

    CodeError when the pattern is not 13 letters in the order P, I, V, C with one C, or a prefix does not fit it.
    """

    pattern: str = "PPIIIIIVVVVVC"
    prefixes: Mapping[str, Measure] = field(default_factory=lambda: {"21": "price", "22": "price", "23": "weight"})

    def __post_init__(self) -> None:
        prefix, item, value = (self.pattern.count(letter) for letter in "PIV")
        if len(self.pattern) != 13 or not prefix * item * value or self.pattern != self._pattern(prefix, item, value):
            raise CodeError(f"layout {self.pattern!r}: 13 letters expected, P then I then V, and one C at the end")
        for given, measure in self.prefixes.items():
            if len(given) != prefix or not is_digits(given) or not given.startswith(("02", "04", "2")):
                raise CodeError(f"prefix {given!r}: {prefix} digits beginning with 02, 04 or 2 expected")
            if measure not in ("price", "weight"):
                raise CodeError(f"prefix {given!r}: price or weight expected, not {measure!r}")

    @staticmethod
    def _pattern(prefix: int, item: int, value: int) -> str:
        return "P" * prefix + "I" * item + "V" * value + "C"

    def matches(self, code: str) -> bool:
        """Whether a code is read by this layout: 13 digits under one of its prefixes."""
        return len(code) == 13 and is_digits(code) and code[: self.pattern.count("P")] in self.prefixes

    def read(self, code: str) -> EmbeddedCode:
        """Item and value of a code; CodeError when the layout does not match or the check digit is wrong."""
        if not self.matches(code):
            raise CodeError(f"in-store code {code!r}: 13 digits under {', '.join(self.prefixes)} expected")
        if not has_valid_check_digit(code):
            raise CodeError(f"in-store code {code!r}: check digit {code[-1]}, expected {check_digit(code[:-1])}")
        item, value = self.pattern.index("I"), self.pattern.index("V")
        prefix = code[:item]
        return EmbeddedCode(
            prefix=prefix,
            item=code[item:value],
            measure=self.prefixes[prefix],
            value=int(code[value:12]),
            base=self.build(prefix, code[item:value], 0),
        )

    def build(self, prefix: str, item: str, value: int) -> str:
        """The 13 digits for an item (zeros are put before it) and a price in minor units or a weight in grams.

        CodeError when the prefix is unknown or the item or value has more digits than the layout has room for.
        """
        if prefix not in self.prefixes:
            raise CodeError(f"prefix {prefix!r}: one of {', '.join(self.prefixes)} expected")
        item_digits, value_digits = self.pattern.count("I"), self.pattern.count("V")
        if not is_digits(item) or len(item) > item_digits:
            raise CodeError(f"item {item!r}: at most {item_digits} digits expected")
        if not 0 <= value < 10**value_digits:
            raise CodeError(f"value {value}: 0 to {10**value_digits - 1} expected")
        payload = f"{prefix}{item.zfill(item_digits)}{value:0{value_digits}d}"
        return f"{payload}{check_digit(payload)}"


DEFAULT_LAYOUT = EmbeddedLayout()
