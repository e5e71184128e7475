"""Times, numbers and money as the reader's language writes them."""

from __future__ import annotations

from datetime import date, datetime

from storeloom.core.virtual.figures import MONEY, figure_text

SIGNS = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "HKD": "HK$", "SGD": "S$"}
POINTS = {"zh": " 个百分点", "en": " pp"}  # what lies between two percentages
WHOLE = ("JPY", "KRW", "VND")  # currencies without minor units
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_text(day: date, lang: str) -> str:
    """A day: 2026年3月2日, 2 Mar 2026."""
    return f"{day.year}年{day.month}月{day.day}日" if lang == "zh" else f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def time_text(at: datetime, lang: str, *, seconds: bool = False) -> str:
    """A moment on the store's wall, without the year: 3月2日 09:05, 2 Mar 09:05."""
    clock = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
    return f"{at.month}月{at.day}日 {clock}" if lang == "zh" else f"{at.day} {MONTHS[at.month - 1]} {clock}"


def money_text(minor: float, currency: str, lang: str, *, rounded: bool = False) -> str:
    """Money, given in minor units: ¥1,234.50, or with the currency's code where it has no sign of its own; `rounded` to ¥1,235."""
    sign = "CN¥" if currency == "CNY" and lang == "en" else SIGNS.get(currency)
    amount = f"{abs(minor):,.0f}" if currency in WHOLE else f"{abs(minor) / 100:{',.0f' if rounded else ',.2f'}}"
    left = "−" if minor < 0 else ""
    return f"{left}{sign}{amount}" if sign else f"{left}{amount} {currency}".strip()


def value_text(value: float | None, unit: str, lang: str, currency: str) -> str:
    """A figure with its unit; a dash where there is none."""
    if value is not None and unit in MONEY:
        return money_text(value, currency, lang)
    return figure_text(value, unit, lang, currency)


def difference_text(one: float | None, other: float | None, unit: str, lang: str, currency: str) -> str:
    """How far the other is from the one, with its sign; a dash where either is missing."""
    if one is None or other is None:
        return "–"
    apart = other - one
    if abs(apart) < 1e-9:
        return "±0"
    text = f"{figure_text(abs(apart), 'count', lang)}{POINTS[lang]}" if unit == "%" else value_text(abs(apart), unit, lang, currency)
    return f"{'+' if apart > 0 else '−'}{text}"
