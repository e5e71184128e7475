"""What a running membership programme adds to the tables: more coupon templates, shopping guides, children that members told of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.facts import Row, Tables
from storeloom.core.virtual.tables_people import DISHONEST

GUIDED = {"mall": 0.3, "specialty": 0.45}
WITH_CHILD = 0.2
CHILDREN_FROM, CHILDREN_DAYS = date(2020, 1, 1), 2160
TRADES = {"餐饮": "dining", "咖啡": "dining", "茶饮": "dining", "珠宝": "jewellery", "眼镜": "fashion", "美甲": "fashion"}
AMOUNTS: tuple[tuple[str, str, int, int, int], ...] = (
    ("welcome", "新会员礼券", 500, 3000, 14),
    ("second_purchase", "二次消费券", 300, 2500, 14),
    ("birthday", "生日礼券", 1000, 5000, 30),
    ("spend_return", "满额返券", 500, 12000, 7),
    ("lapsed_recall", "回店礼券", 800, 3000, 14),
    ("first_online_order", "首次线上下单礼", 500, 4000, 14),
    ("c5", "5元券", 500, 3000, 14),
    ("c10", "10元券", 1000, 6000, 14),
    ("community_reward", "社群拼单券", 300, 0, 7),
    ("invite_reward", "邀请有礼", 500, 2000, 30),
    ("creator_batch", "达人福利券", 500, 3000, 7),
    ("purchase_right", "购买资格券", 100, 0, 2),
    ("lucky_draw", "抽奖礼券", 500, 2000, 7),
    ("red_packet", "购物车红包", 200, 0, 1),
    ("plan_a", "付费会员月券甲", 1000, 5000, 30),
    ("plan_b", "付费会员月券乙", 500, 2500, 30),
    ("live_free", "直播间免费券", 500, 0, 14),
    ("compensation", "致歉券", 500, 0, 30),
)


def add_programme(tables: Tables, store_format: str, seed: int, given: Collection[str] = ()) -> None:
    """Add to the tables in place; a table that is `given` stays as it is.

    Coupons of the usual campaigns, of an amount each; of members in shops with shopping guides 30 % (mall) or 45 % (specialty) are bound
    to one, who is of role `sales`; a fifth told the birthday of a child under six. The dishonest cashier has a card of her own, one that is
    hardly used. Tenants' trades get the names by which points are given (dining, fashion, jewellery).
    """
    if "coupons" not in given:
        known = {row["template"] for row in tables["coupons"]}
        tables["coupons"] = tables["coupons"] + [_amount(*one) for one in AMOUNTS if one[0] not in known]
    if "members" not in given:
        guides = [row["staff"] for row in tables["staff"] if "sales" in row["roles"] and not row.get("left")]
        bound = GUIDED.get(store_format, 0.0) if guides else 0.0
        for row in tables["members"]:
            _member(row, guides, bound, seed)

    if "staff" not in given and "members" not in given:
        thief = next((row for row in tables["staff"] if row["staff"] == DISHONEST and "cashier" in row["roles"]), None)
        here = [row for row in tables["members"] if not row.get("left")]
        if thief is not None and here:
            thief["own_member"] = min(here, key=lambda row: (row["receipts_12m"], row["member"]))["member"]
    if "tenants" not in given:
        for row in tables["tenants"]:
            row["category"] = TRADES.get(row["category"], row["category"])


def _amount(template: str, name: str, value: int, threshold: int, days: int) -> Row:
    row: Row = {"template": template, "name": name, "kind": "amount", "value": value, "valid_days": days, "stack": False}
    return row | ({"threshold": threshold} if threshold else {}) | {"funded_by": "store"}


def _member(row: Row, guides: list[str], bound: float, seed: int) -> None:
    draw = share(seed, "guide", row["member"])
    if draw < bound:
        row["tags"] = [*row["tags"], f"guide:{guides[int(draw / bound * len(guides))]}"]
    draw = share(seed, "child", row["member"])
    if draw < WITH_CHILD:
        row["children"] = [{"born": (CHILDREN_FROM + timedelta(days=int(draw / WITH_CHILD * CHILDREN_DAYS))).isoformat()}]


def guide_of(member: Row) -> str | None:
    """The shopping guide that a row of the members table is bound to."""
    return next((str(tag)[6:] for tag in member.get("tags", ()) if str(tag).startswith("guide:")), None)
