"""The four formats in figures: size, trade, opening hours, what stands in the store; and the default store profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.virtual.facts import Row


@dataclass(frozen=True, slots=True)
class Shape:
    """Figures of one format on an ordinary weekday at scale 1. `hours` weighs arrivals by local hour of the day; `hall` is the first
    zone of kind `sales`, where the shop floor's lamps and their lux sensor are."""

    visitors: int
    buy_share: float
    basket: float
    tills: int
    self_checkouts: int
    carts: int
    crew: int
    chillers: int
    freezers: int
    members: int
    member_share: float
    self_share: float
    cart_share: float
    online: int
    open: str
    close: str
    hours: tuple[float, ...]
    weekend: float
    zone_m: tuple[float, float]
    hall: str
    missions: tuple[tuple[str, float, float], ...]


_SUPER_HOURS = (0, 0, 0, 0, 0, 0, 0, 4, 7, 9, 9, 8, 6, 5, 5, 6, 8, 11, 12, 10, 7, 4, 1, 0)
_CONV_HOURS = (0, 0, 0, 0, 0, 0, 3, 9, 8, 5, 5, 8, 11, 7, 4, 4, 5, 8, 9, 7, 6, 5, 3, 0)
_MALL_HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 6, 8, 8, 8, 8, 8, 9, 11, 12, 10, 6, 1, 0)

SHAPES: Mapping[str, Shape] = {
    "supermarket": Shape(
        visitors=3450,
        buy_share=0.88,
        basket=6.6,
        tills=8,
        self_checkouts=8,
        carts=12,
        crew=64,
        chillers=8,
        freezers=4,
        members=1800,
        member_share=0.46,
        self_share=0.38,
        cart_share=0.06,
        online=120,
        open="08:00",
        close="22:00",
        hours=_SUPER_HOURS,
        weekend=1.35,
        zone_m=(9.0, 7.0),
        hall="z-sales-6",
        missions=(("top_up", 0.58, 0.72), ("weekly", 0.24, 2.2), ("lunch", 0.18, 0.45)),
    ),
    "convenience": Shape(
        visitors=820,
        buy_share=0.86,
        basket=2.3,
        tills=2,
        self_checkouts=2,
        carts=0,
        crew=9,
        chillers=4,
        freezers=1,
        members=500,
        member_share=0.35,
        self_share=0.35,
        cart_share=0.0,
        online=40,
        open="07:00",
        close="23:00",
        hours=_CONV_HOURS,
        weekend=0.85,
        zone_m=(4.0, 3.0),
        hall="z-sales-3",
        missions=(("top_up", 0.62, 1.0), ("lunch", 0.38, 1.05)),
    ),
    "mall": Shape(
        visitors=9000,
        buy_share=0.13,
        basket=1.7,
        tills=6,
        self_checkouts=2,
        carts=0,
        crew=48,
        chillers=1,
        freezers=1,
        members=3000,
        member_share=0.6,
        self_share=0.1,
        cart_share=0.0,
        online=30,
        open="10:00",
        close="22:00",
        hours=_MALL_HOURS,
        weekend=1.7,
        zone_m=(16.0, 12.0),
        hall="z-sales-1",
        missions=(("browse", 0.75, 0.9), ("gift", 0.25, 1.3)),
    ),
    "specialty": Shape(
        visitors=420,
        buy_share=0.2,
        basket=1.8,
        tills=2,
        self_checkouts=0,
        carts=0,
        crew=10,
        chillers=1,
        freezers=0,
        members=600,
        member_share=0.65,
        self_share=0.0,
        cart_share=0.0,
        online=12,
        open="10:00",
        close="22:00",
        hours=_MALL_HOURS,
        weekend=1.6,
        zone_m=(6.0, 5.0),
        hall="z-sales-1",
        missions=(("browse", 0.8, 0.95), ("gift", 0.2, 1.2)),
    ),
}

NAMES = {"supermarket": "晨露生活超市", "convenience": "小满便利", "mall": "南风百货", "specialty": "云朵衣橱"}


def shape_of(store_format: str) -> Shape:
    """Raises ValueError for a format that does not exist."""
    if store_format not in SHAPES:
        raise ValueError(f"unknown format {store_format!r}; known: {', '.join(SHAPES)}")
    return SHAPES[store_format]


def default_devices_of(store_format: str) -> dict[str, Row]:
    """Device id to {kind, zone, ...} for a store of this format: every adapter kind at least once."""
    shape = shape_of(store_format)
    found: dict[str, Row] = {}

    def put(device: str, kind: str, zone: str, **more: Any) -> None:
        found[device] = {"kind": kind, "zone": zone, **more}

    put("cam-entrance", "camera", "z-entrance", line="line-entrance")
    put("cam-shelf", "camera", "z-sales-1")
    put("cam-checkout", "camera", "z-checkout")
    for number in range(1, shape.tills + 1):
        put(f"till-{number}", "pos", "z-checkout", channel="till")
        put(f"scanner-{number}", "scanner", "z-checkout", till=f"till-{number}")
        put(f"printer-{number}", "printer", "z-checkout", till=f"till-{number}")
        put(f"display-{number}", "display", "z-checkout", till=f"till-{number}")
        put(f"drawer-{number}", "drawer", "z-checkout", till=f"till-{number}")
    put("pos-server", "pos", "z-backroom", channel="server")
    if shape.self_checkouts:
        put("cam-sco", "camera", "z-checkout")
    for number in range(1, shape.self_checkouts + 1):
        put(f"sco-{number}", "pos", "z-checkout", channel="self_checkout")
        put(f"kiosk-sco-{number}", "kiosk", "z-checkout", till=f"sco-{number}")
    for number in range(1, shape.carts + 1):
        put(f"cart-{number}", "cart", "z-entrance")
    for number in range(1, shape.chillers + 1):
        put(f"probe-chiller-{number}", "sensor", "z-backroom", asset=f"chiller-{number}", measures="temperature")
        put(f"case-chiller-{number}", "refrigeration", "z-backroom", asset=f"chiller-{number}")
    for number in range(1, shape.freezers + 1):
        put(f"probe-freezer-{number}", "sensor", "z-backroom", asset=f"freezer-{number}", measures="temperature")
        put(f"case-freezer-{number}", "refrigeration", "z-backroom", asset=f"freezer-{number}")
    for device, measures, zone in (
        ("sens-air-1", "temperature", "z-sales-1"),
        ("sens-hum-1", "humidity", "z-sales-1"),
        ("sens-co2-1", "co2", "z-sales-1"),
        ("sens-lux-1", "lux", shape.hall),
        ("sens-lux-2", "lux", "z-entrance"),
        ("sens-noise-1", "noise", "z-checkout"),
        ("sens-presence-1", "presence", "z-sales-1"),
        ("sens-door-1", "door", "z-backroom"),
        ("sens-leak-1", "leak", "z-backroom"),
    ):
        put(device, "sensor", zone, measures=measures)
    for asset in ("main", "lighting", "hvac", "refrigeration"):
        put(f"meter-{asset}", "meter", "z-backroom", measures="electricity", asset=asset)
    put("meter-water", "meter", "z-backroom", measures="water")
    put("meter-gas", "meter", "z-backroom", measures="gas")
    for device, kind, zone in _SINGLES:
        put(device, kind, zone)
    return found


_SINGLES = (
    ("cart-1", "cart", "z-entrance"),
    ("scale-1", "scale", "z-sales-1"),
    ("kiosk-1", "kiosk", "z-entrance"),
    ("esl-1", "esl_gateway", "z-sales-1"),
    ("screen-1", "signage", "z-entrance"),
    ("speaker-1", "audio", "z-sales-1"),
    ("robot-1", "robot", "z-sales-1"),
    ("cabinet-1", "cabinet", "z-exit"),
    ("locker-1", "locker", "z-entrance"),
    ("vending-1", "vending", "z-exit"),
    ("rfid-1", "rfid", "z-backroom"),
    ("shelf-scale-1", "sensor", "z-sales-1"),
    ("hvac-1", "hvac", "z-sales-1"),
    ("lighting-1", "lighting", "z-sales-1"),
    ("relay-1", "relay", "z-backroom"),
    ("case-1", "refrigeration", "z-backroom"),
    ("gate-1", "gate", "z-entrance"),
    ("barrier-1", "barrier", "z-parking"),
    ("messaging-1", "messaging", "z-backroom"),
    ("online-1", "online_store", "z-backroom"),
    ("delivery-1", "delivery", "z-backroom"),
    ("payment-1", "payment", "z-checkout"),
    ("network-1", "network", "z-backroom"),
    ("edi-1", "edi", "z-backroom"),
    ("terminal-1", "terminal", "z-backroom"),
    ("tax-1", "tax", "z-backroom"),
    ("weather-1", "weather", "z-backroom"),
    ("calendar-1", "calendar", "z-backroom"),
    ("market-1", "market_feed", "z-backroom"),
)


def default_profile(format: str = "supermarket", **over: Any) -> Row:
    """A store profile of this format in Shanghai; keywords replace whole keys.

    `hours` may be {"open", "close"}, one such pair under "mon".."sun", and a list of dates under "closed".
    """
    shape = shape_of(format)
    profile: Row = {
        "store": f"cn-{format}-001",
        "name": NAMES[format],
        "format": format,
        "zone": "Asia/Shanghai",
        "currency": "CNY",
        "language": "zh",
        "geo": {"lat": 31.2304, "lon": 121.4737},
        "hours": {"open": shape.open, "close": shape.close},
        "devices": default_devices_of(format),
        "edge": {"cores": 8, "memory_mb": 16384},
    }
    return {**profile, **over}
