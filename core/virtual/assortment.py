"""The goods of a virtual store: products with valid GTINs, names in two languages and believable figures."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp
from statistics import NormalDist

from storeloom.core.virtual.chance import Chance, share
from storeloom.core.virtual.facts import Row, gtin13
from storeloom.core.virtual.formats import Shape
from storeloom.core.virtual.words import BRANDS, CATEGORIES, Category


def category_of(key: str) -> Category | None:
    return next((category for category in CATEGORIES if category.key == key), None)


def make_products(store_format: str, seed: int) -> list[Row]:
    """Rows of the table `products` for one format, in category order."""
    rows: list[Row] = []
    for category in CATEGORIES:
        rows += _category_rows(category, category.counts.get(store_format, 0), seed, len(rows))
    return rows


def neat_price(fen: float) -> int:
    """The nearest price as shops write it: 3.98, 12.90, 199."""
    if fen < 1000:
        return max(50, round(fen / 10) * 10 - 2)
    if fen < 10000:
        return round(fen / 100) * 100 - 10
    return round(fen / 1000) * 1000 - 100


def _split(words: str, parts: int) -> list[list[str]]:
    """Entries `a/b/c d/e/f`, where the last field of a word may hold spaces inside an entry."""
    entries: list[list[str]] = []
    fields: list[str] = []
    for token in words.split("/"):
        if not fields:
            fields = [token]
        elif len(fields) < parts - 1:
            fields.append(token)
        else:
            last, _, following = token.partition(" ")
            entries.append([*fields, last])
            fields = [following]
    return entries


def _variants(words: str) -> list[tuple[str, str]]:
    """Pairs `zh/en`; an English word with spaces runs until the next word that holds a slash."""
    pairs: list[tuple[str, str]] = []
    for word in words.split(" "):
        if "/" in word:
            zh, _, en = word.partition("/")
            pairs.append((zh, en))
        else:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {word}")
    return pairs


def _category_rows(category: Category, count: int, seed: int, first: int) -> list[Row]:
    kinds = _split(category.kinds, 4)
    variants = _variants(category.variants)
    sizes = category.sizes or ("",)
    rows: list[Row] = []
    for index in range(count):
        size = sizes[index % len(sizes)]
        style = index // len(sizes)
        kind = kinds[style % len(kinds)]
        variant_no = (style // len(kinds)) % len(variants)
        round_no = style // (len(kinds) * len(variants))
        row = _product(category, kind, variants[variant_no], variant_no, round_no, first + index, seed)
        if size:
            row |= {"style": f"{category.key}-{style % len(kinds)}-{round_no}", "colour": variants[variant_no][1], "size": size}
            row["name"] += f" {size}"
            row["name_en"] += f" {size}"
        rows.append(row)
    return rows


def _product(category: Category, kind: list[str], variant: tuple[str, str], variant_no: int, round_no: int, number: int, seed: int) -> Row:
    zh, en, fen, grams = kind[0], kind[1], int(kind[2]), int(kind[3])
    chance = Chance(seed, "product", category.key, en, variant_no, round_no, number)
    brand_no = int(share(seed, "brand", category.key, en) * len(BRANDS)) + variant_no + 5 * round_no
    brand_zh, brand_en = BRANDS[brand_no % len(BRANDS)].split("/")
    price = neat_price(fen * (1 + 0.14 * variant_no) * chance.uniform(0.94, 1.06))
    row: Row = {
        "category": category.key,
        "subcategory": en.replace(" ", "_").replace("-", "_"),
        "supplier": supplier_for(category.key),
        "unit": "kg" if category.weighed else "each",
        "weighed": category.weighed,
        "case_pack": category.pack,
        "cases_per_pallet": 40,
        "storage": category.storage,
        "cost": round(price * (1 - category.margin) / (1 + category.tax / 100) * chance.uniform(0.97, 1.03)),
        "list_price": price,
        "tax_pct": category.tax,
        "kvi": chance.hit(0.08),
        "must_stock": chance.hit(0.25),
        "listed_on": "2024-01-01",
    }
    row |= _body(category, grams, chance)
    if category.weighed:
        plu = 10001 + number
        row |= {"gtin": gtin13(f"20{plu:05d}00000"), "plu": str(plu), "name": f"{variant[0]}{zh}", "name_en": f"{variant[1]} {en}"}
    else:
        content, unit = _content(category.key, en, grams)
        row |= {
            "gtin": gtin13(f"{690 + number % 10}{share(seed, 'company', brand_no) * 9e4 + 1e4:05.0f}{number:04d}"),
            "brand": brand_en,
            "name": f"{brand_zh} {variant[0]}{zh} {content}{unit}",
            "name_en": f"{brand_en} {variant[1]} {en} {content} {unit}",
            "net_content": content,
            "content_unit": unit,
        }
    if category.extra.get("high_loss"):
        row["high_loss"] = True
    if category.extra.get("security_tag"):
        row["security_tag"] = True
    return row | {key: value for key, value in category.extra.items() if key == "min_age"}


def _body(category: Category, grams: int, chance: Chance) -> Row:
    """Weight and outer dimensions: a pack of about 1 g/cm3 that is taller than wide."""
    litres = grams / 700 if category.key not in {"apparel", "accessories"} else grams / 250
    side = (litres * 1e6 / 2.2) ** (1 / 3)
    body: Row = {
        "weight_g": round(grams * chance.uniform(1.02, 1.06)) if not category.weighed else grams,
        "weight_sd_g": round(grams * (0.25 if category.weighed else 0.008), 1),
        "volume_l": round(litres, 3),
        "width_mm": max(30, round(side * 1.2)),
        "height_mm": max(40, round(side * 1.8)),
        "depth_mm": max(20, round(side)),
    }
    if category.shelf_days:
        body["shelf_days"] = max(1, round(category.shelf_days * chance.uniform(0.8, 1.25)))
    if category.weighed:
        body["tare_g"] = 5
    return body


def _content(category: str, en: str, grams: int) -> tuple[int, str]:
    liquid = category in {"drinks", "alcohol"} or any(word in en for word in ("milk", "sauce", "oil", "liquid", "wine"))
    return grams, "ml" if liquid else "g"


def supplier_for(category: str) -> str:
    """GLN of the supplier of a category: one company for each category, under prefix 697."""
    body = f"697{int(share('supplier', category) * 1e9):09d}"
    return gtin13(body)


def appeal(seed: int, gtin: str) -> float:
    """Hidden popularity of an item within its category: log-normal, so a fifth of the items makes half of the sales."""
    return exp(0.85 * NormalDist().inv_cdf(min(max(share(seed, "appeal", gtin), 1e-9), 1 - 1e-9)))


def category_share(key: str) -> float:
    """Weight of a category in a basket; a category of an integrator's own table counts 4."""
    category = category_of(key)
    return category.share if category else 4.0


def pieces_mean(product: Row) -> float:
    """Mean pieces of an item once it is in a basket."""
    if product.get("weighed"):
        return 1.0
    return 1.35 if int(product.get("list_price") or product["cost"]) < 800 else 1.08


def daily_rates(products: Iterable[Row], shape: Shape, seed: int, scale: float) -> dict[str, float]:
    """Expected sales a day of each gtin, in its unit (each or kg), on an ordinary day at full availability."""
    rows = list(products)
    mass: dict[str, float] = {}
    for row in rows:
        mass[row["category"]] = mass.get(row["category"], 0.0) + appeal(seed, row["gtin"])
    whole = sum(category_share(key) for key in mass) or 1.0
    picks = shape.visitors * scale * shape.buy_share * shape.basket
    rates: dict[str, float] = {}
    for row in rows:
        part = category_share(row["category"]) / whole * appeal(seed, row["gtin"]) / mass[row["category"]]
        size = float(row.get("weight_g") or 500) / 1000 if row.get("weighed") else 1.0
        rates[row["gtin"]] = picks * part * pieces_mean(row) * size
    return rates
