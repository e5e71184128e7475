"""Made members with known ways: what the tests of customer figures share."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from storeloom.workers.insight.purchases import Purchases, read

CDNOW = Path(__file__).with_name("cdnow.csv")
START = date(2026, 1, 1)


def cdnow():
    return pl.read_csv(CDNOW, comment_prefix="#")


def lines(*rows):
    """Rows of member, receipt, day number, item, qty, amount."""
    names = ("member", "receipt", "ds", "item", "qty", "amount")
    return pl.DataFrame(
        [(m, r, START + timedelta(days=d), i, float(q), float(a)) for m, r, d, i, q, a in rows], schema=list(names), orient="row"
    )


def shoppers(members: int, days: int, seed: int, *, stop: float = 0.05) -> Purchases:
    """Members who buy as BG/NBD has it (r 1, alpha 10 days, chance to stop `stop`), one of 30 items a receipt."""
    rng = np.random.default_rng(seed)
    rows = []
    for member in range(members):
        rate, day = rng.gamma(1.0, 0.1) + 1e-6, float(rng.integers(0, days // 3))
        while day < days:
            item = f"i{int(rng.integers(0, 30)):02d}"
            rows.append((f"m{member:04d}", f"{member}-{len(rows)}", int(day), item, 1, float(rng.gamma(5, 2)) + 0.01))
            if rng.random() < stop:
                break
            day += rng.exponential(1 / rate)
    return read(lines(*rows), until=START + timedelta(days=days - 1))
