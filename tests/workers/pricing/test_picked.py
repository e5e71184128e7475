"""Order lines as they were picked, in minor units by hand."""

from storeloom.workers.pricing import picked

BEEF = {"price": 2980, "qty": 1, "weight_g": 1000, "amount": 2980}


def test_goods_by_weight_cost_the_lesser_of_both_weights() -> None:
    assert [picked.by_weight(BEEF, 1000, grams) for grams in (940, 1000, 1040)] == [2801, 2980, 2980]
    assert picked.by_weight(BEEF | {"amount": 2680}, 1000, 500) == 1340
    assert picked.by_weight({"price": 2999, "amount": 999}, 333, 300) == 900


def test_the_ordered_weight_is_the_lines_own_or_its_kilograms() -> None:
    assert picked.ordered_grams(BEEF) == 1000
    assert picked.ordered_grams({"qty": 0.5}, "kg") == 500 and picked.ordered_grams({"qty": 2}, "each") is None


def test_pieces_and_what_stands_in_for_them() -> None:
    line = {"qty": 3, "price": 333, "amount": 1000}
    assert [picked.by_pieces(line, number) for number in (0, 1, 2, 3, 4)] == [0, 333, 667, 1000, 1000]
    assert picked.substituted(line, 2, 300) == 600 and picked.substituted(line, 2, 400) == 667


def test_what_stands_in_by_weight_is_charged_per_kg():
    line = {"qty": 1, "price": 2980, "amount": 1490, "weight_g": 500}
    assert picked.substituted(line, 1, 2800, 500) == 1400 and picked.substituted(line, 1, 2801, 481) == 1347
    assert picked.substituted(line, 1, 3200, 500) == 1490
    assert picked.by_pieces({"qty": 0, "amount": 0}, 1) == 0


def test_weighed_goods_stand_in_at_their_own_price_up_to_the_ordered_amount() -> None:
    beef = {"price": 2980, "qty": 1, "weight_g": 500, "amount": 1490}
    assert [picked.substituted_by_weight(beef, 500, grams, 2700) for grams in (500, 450, 520)] == [1350, 1215, 1350]
    assert picked.substituted_by_weight(beef, 500, 500, 3100) == 1490


def test_what_is_given_free_need_not_be_taken_off() -> None:
    assert (picked.over(1000, 1050, 0.05), picked.over(1000, 1080, 0.05), picked.over(1000, 990, 0)) == (0, 80, 0)
