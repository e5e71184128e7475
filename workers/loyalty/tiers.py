"""The rank of a member's tier, whatever a chain calls it: a number as it stands, else the place of the name in the usual ladders."""

import re

LADDER = (
    ("basic", "standard", "regular", "member", "普通", "普卡"),
    ("bronze", "classic", "铜卡"),
    ("silver", "银卡"),
    ("gold", "金卡"),
    ("platinum", "白金", "铂金"),
    ("diamond", "black", "钻石", "黑卡"),
)
"""Names by rank from 0."""


def rank(tier: object) -> int:
    """The number in a tier ("3", "vip2"), else the rank of its name; 0 for none and for a name outside the ladders."""
    text = str(tier if tier is not None else "").strip().lower()
    number = re.search(r"\d+", text)
    if number:
        return int(number.group())
    return next((place for place, names in enumerate(LADDER) if any(name in text for name in names)), 0)
