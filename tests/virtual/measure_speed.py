"""Prints how long a day of each format takes: `python tests/virtual/measure_speed.py`."""

import time
from datetime import date

from storeloom.core.virtual import PRODUCED, VirtualStore, default_profile


def main() -> None:
    for store_format in ("supermarket", "mall", "convenience", "specialty"):
        store = VirtualStore(default_profile(store_format))
        begin = time.perf_counter()
        facts = sum(1 for _ in store.run(date(2026, 3, 2), 1, PRODUCED))
        seconds = time.perf_counter() - begin
        print(f"{store_format}: {sum(store.truth.receipts.values())} receipts, {facts} facts, {seconds:.2f} s")


if __name__ == "__main__":
    main()
