from storeloom.workers.checkout.scale_list import entry, key_plan, label_difference, version, wait_s


def test_an_entry_says_what_is_known():
    product = {"gtin": "2000000000015", "plu": "451", "name": "Fuji", "tare_g": 5}
    assert entry(product, 1580, 3) == {"name": "Fuji", "price": 1580, "plu": "451", "tare_g": 5, "key": 3}
    assert version(entry(product, 1580, 3)) == version(dict(reversed(entry(product, 1580, 3).items())))
    assert version(entry(product, 1580, 3)) != version(entry(product, 1580, None))


def test_waits_grow_and_the_last_repeats():
    assert [wait_s(sends, 20, [5, 15, 60]) for sends in (1, 2, 3, 4)] == [25, 35, 80, 80]


def ranking(**moved):
    items = [f"i{number:02d}" for number in range(1, 21)]
    for item, rank in moved.items():
        items.remove(item)
        items.insert(rank - 1, item)
    return items


def test_a_key_stays_until_the_rank_changed_by_more():
    first = key_plan(ranking(), {}, 20, 5)
    assert first["i10"] == (10, 10)
    assert key_plan(ranking(i10=14), first, 20, 5)["i10"] == (10, 10)
    assert key_plan(ranking(i10=16), first, 48, 5)["i10"] == (21, 16), "the nearest that is free"
    full = key_plan(ranking(i10=16), first, 20, 5)
    assert full["i10"] == (10, 16), "no other is free"
    assert sorted(key for key, _ in full.values()) == list(range(1, 21))


def test_only_the_first_have_keys_and_newcomers_take_what_is_free():
    plan = key_plan(["new", "a", "b"], {"a": (1, 1), "b": (2, 2), "gone": (3, 3)}, 3, 2)
    assert plan == {"a": (1, 1), "b": (2, 2), "new": (3, 1)}
    assert key_plan(["a", "b"], {"a": (1, 1)}, 0, 5) == {}


def test_a_label_is_measured_against_the_nearest_price_of_the_day():
    assert label_difference(1191, 754, [1580]) == 0
    assert label_difference(1191, 754, [1380]) == 150
    assert label_difference(1191, 754, [1380, 1580]) == 0
    assert label_difference(1191, 754, []) is None
