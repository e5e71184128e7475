from storeloom.workers.pricing.promoted import names, on_promotion

MILK = {"gtin": "6901234567892", "category": "dairy", "subcategory": "milk"}


def test_items_and_categories_name_a_product():
    assert names({"gtins": ["06901234567892"]}, MILK)
    assert names({"category": "milk"}, MILK)
    assert not names({"gtins": ["06901234567892"], "category": "bread"}, MILK)
    assert not names({"value": 10}, MILK)


def test_what_is_not_approved_does_not_count():
    assert not on_promotion([{"category": "dairy", "approved": False}], MILK)
    assert on_promotion([{"category": "bread"}, {"category": "dairy"}], MILK)
