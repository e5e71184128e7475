"""Tables about people: staff with skills, members by pseudonym, courses and checklists."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.formats import Shape

_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许韩冯邓曹彭曾"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰飞桃红梅建国建华志远晓雨思源"
PAY = {
    "cashier": 2300,
    "fresh": 2600,
    "grocery": 2300,
    "receiving": 2500,
    "guard": 2400,
    "cleaner": 2000,
    "manager": 5200,
    "online_picker": 2300,
    "sales": 2600,
}
DISHONEST = "1003"


def make_staff(store_format: str, shape: Shape, seed: int) -> list[Row]:
    """A crew of the shape's size; number 1003 is the cashier whose cases the truth records."""
    chance = Chance(seed, "staff")
    rows: list[Row] = []
    roles = _role_plan(store_format, shape.crew)
    for number, role in enumerate(roles):
        name = chance.pick(_FAMILY) + chance.pick(_GIVEN) + (chance.pick(_GIVEN) if chance.hit(0.6) else "")
        full = chance.hit(0.7)
        row: Row = {
            "staff": str(1001 + number),
            "name": name,
            "roles": [role] if role == "manager" else [role, *(["cashier"] if role != "cashier" and chance.hit(0.35) else [])],
            "grade": 5 if role == "manager" else chance.randint(1, 4),
            "section": role,
            "hourly_pay": PAY[role] + 100 * chance.randint(0, 4),
            "contract_hours": 40 if full else 24,
            "availability": [] if full else [{"weekday": day, "from": "12:00", "to": "23:00"} for day in range(1, 8)],
            "hired": f"{chance.randint(2018, 2025)}-{chance.randint(1, 12):02d}-01",
            "badge": chance.token("b-", 12),
            "authorisation_limit": 50000 if role == "manager" else 0,
            "discount_pct": 5.0,
        }
        if role != "manager":
            row["manager"] = "1001"
        rows.append(row)
    return rows


def _role_plan(store_format: str, crew: int) -> list[str]:
    if store_format in {"mall", "specialty"}:
        mix = ("cashier", "sales", "cashier", "sales", "sales", "guard", "cleaner", "sales", "receiving", "sales")
    else:
        mix = ("cashier", "cashier", "fresh", "grocery", "cashier", "receiving", "fresh", "guard", "cleaner", "online_picker")
    plan = ["manager", *(mix[number % len(mix)] for number in range(crew - 1))]
    if crew >= 20:
        plan[20] = "manager"
    plan[2] = "cashier"
    return plan


def make_skills(staff: list[Row], seed: int) -> list[Row]:
    """What each role needs, and what each person has reached."""
    chance = Chance(seed, "skills")
    needs = {
        "cashier": ("till", 2),
        "fresh": ("food_safety", 2),
        "grocery": ("shelving", 1),
        "receiving": ("forklift", 2),
        "guard": ("first_aid", 1),
        "cleaner": ("chemicals", 1),
        "manager": ("leadership", 3),
        "online_picker": ("picking", 1),
        "sales": ("service", 2),
    }
    present = {role for row in staff for role in row["roles"]}
    rows: list[Row] = [
        {"role": role, "skill": skill, "level": level, "mandatory": skill in {"food_safety", "forklift"}}
        for role, (skill, level) in needs.items()
        if role in present
    ]
    for person in staff:
        for role in person["roles"]:
            skill, level = needs[role]
            row: Row = {
                "staff": person["staff"],
                "skill": skill,
                "level": min(4, max(0, level + chance.randint(-1, 2))),
                "valid_from": "2025-01-01",
            }
            if skill in {"food_safety", "forklift", "first_aid"}:
                row |= {
                    "certificate": f"C-{person['staff']}-{skill}",
                    "valid_to": chance.choice(["2026-06-30", "2027-06-30", "2027-12-31"]),
                }
            rows.append(row)
    return rows


def make_members(shape: Shape, store: str, seed: int) -> list[Row]:
    """Members by pseudonymous id; about one in twenty has left, one in five refuses marketing."""
    chance = Chance(seed, "members")
    rows: list[Row] = []
    for _ in range(shape.members):
        spend = round(chance.spread(240000, 1.0))
        receipts = max(1, round(spend / chance.spread(9000, 0.4)))
        tier = "gold" if spend > 600000 else "silver" if spend > 200000 else "basic"
        row: Row = {
            "member": chance.token("m-", 10),
            "tier": tier,
            "points": spend // 100,
            "joined": f"{chance.randint(2021, 2025)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            "home_store": store,
            "tags": [],
            "consents": {"marketing": chance.hit(0.8), "profiling": chance.hit(0.75), "messaging": ["mini_program"]},
            "channels": {"mini_program": chance.token("wx-", 12)},
            "spend_12m": spend,
            "receipts_12m": receipts,
            "last_purchase": "2026-02-01",
            "birth_month": chance.randint(1, 12),
            "household": chance.randint(1, 5),
            "grid": f"g-{chance.randint(1, 12)}",
        }
        if chance.hit(0.05):
            row["left"] = True
        rows.append(row)
    return rows


def make_courses() -> list[Row]:
    """Four short courses with question cards."""
    plan = (
        (
            "food-safety",
            "食品安全基础",
            "food_safety",
            ["fresh"],
            True,
            12,
            (("冷藏食品应保持在多少度以下？", "5度", ["5"]), ("发现过期食品怎么办？", "立即下架并登记", ["下架", "登记"])),
        ),
        (
            "till-basics",
            "收银操作",
            "till",
            ["cashier"],
            True,
            24,
            (("退货需要什么凭证？", "原小票", ["小票"]), ("发现假币怎么办？", "报告主管", ["主管"])),
        ),
        ("fire", "消防与疏散", "first_aid", ["guard", "manager"], True, 12, (("火警电话是多少？", "119", ["119"]),)),
        ("service", "服务用语", "service", ["cashier", "sales"], False, 0, (("顾客投诉先做什么？", "倾听并致歉", ["倾听", "致歉"]),)),
    )
    rows: list[Row] = []
    for course, title, skill, roles, mandatory, months, cards in plan:
        row: Row = {
            "course": course,
            "title": title,
            "skill": skill,
            "level": 2,
            "minutes": 30,
            "roles": roles,
            "mandatory": mandatory,
            "pass_score": 80,
            "cards": [
                {"card": f"{course}-{n}", "prompt": prompt, "answer": answer, "key_phrases": keys, "weight": 1.0}
                for n, (prompt, answer, keys) in enumerate(cards, 1)
            ],
        }
        rows.append(row | ({"valid_months": months} if months else {}))
    return rows


def make_checklists() -> list[Row]:
    """Opening, closing, hygiene and fire rounds."""
    plan = (
        ("opening", "doors", "自动门与照明已开启", "yes_no", 1.0, False, "manager", ["07:30"]),
        ("opening", "tills", "收银台备用金已清点", "value", 2.0, True, "cashier", ["07:40"]),
        ("closing", "cold", "冷柜夜帘已放下", "yes_no", 2.0, True, "fresh", ["22:05"]),
        ("closing", "cash", "现金已入保险柜", "yes_no", 3.0, True, "manager", ["22:10"]),
        ("hygiene", "hands", "加工间洗手液充足", "yes_no", 1.0, False, "fresh", ["09:00", "15:00"]),
        ("hygiene", "core_temp", "熟食中心温度", "value", 3.0, True, "fresh", ["11:00", "17:00"]),
        ("fire", "exits", "疏散通道畅通", "photo", 3.0, True, "guard", ["08:00", "14:00", "20:00"]),
    )
    return [
        {
            "checklist": checklist,
            "item": item,
            "text": text,
            "answer": answer,
            "weight": weight,
            "critical": critical,
            "severity": "high" if critical else "warn",
            "role": role,
            "fix_h": 4 if critical else 24,
            "minutes": 3,
            "slots": slots,
        }
        | ({"min": 70} if item == "core_temp" else {})
        for checklist, item, text, answer, weight, critical, role, slots in plan
    ]
