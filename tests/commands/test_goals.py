"""`goals`: what can be wanted, what is recommended for it in a store, the bundle that begins with it."""

import tomllib

import pytest

STORE = """document = "store/1"
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
hours = { open = "08:00", close = "22:00" }
[devices]
till-1 = { kind = "pos" }
cart-1 = { kind = "cart" }
payment-1 = { kind = "payment" }
"""


@pytest.fixture
def profile(tmp_path):
    file = tmp_path / "shop" / "store.toml"
    file.parent.mkdir()
    file.write_text(STORE, encoding="utf-8")
    return file


def test_the_goals_are_listed_in_both_languages(call):
    assert "shorten_queues         Shorten queues\n" in call("goals", "--lang", "en").out
    assert "shorten_queues         缩短排队\n" in call("goals", "--lang", "zh").out
    assert "smart_cart" in next(one["solutions"] for one in call("goals", "--json").json if one["id"] == "shorten_queues")


def test_what_is_recommended_says_why_and_what_the_store_lacks(call, profile):
    said = call("goals", "shorten_queues", "--store", profile, "--lang", "en").out
    assert "  smart_cart                   Smart shopping cart\n    Carts with goods that were paid on the cart: higher\n  " in said
    assert "    From weight to line: lower\n    the store lacks: camera, scale, kiosk / display\n" in said
    said = call("goals", "shorten_queues", "--store", profile, "--lang", "zh").out
    assert "    装有商品的购物车自助结账占比（越高越好）\n  " in said and "    门店缺少设备：camera、scale、kiosk / display\n" in said
    assert "lacks" not in call("goals", "shorten_queues", "--lang", "en").out
    rows = {one["solution"]: one for one in call("goals", "shorten_queues", "--store", profile, "--json").json}
    assert (rows["smart_cart"]["lacks"], rows["lane_ai_scale"]["lacks"]) == ([], ["camera", "scale", "kiosk / display"])


def test_the_bundle_has_what_the_store_can_run_and_finds_its_profile(call, profile, tmp_path):
    file = tmp_path / "bundle.toml"
    answer = call("goals", "shorten_queues", "--store", profile, "-o", file)
    assert answer.code == 0 and str(file) in answer.out
    bundle = tomllib.loads(file.read_text(encoding="utf-8"))
    assert bundle["store"] == "shop/store.toml" and set(bundle["solutions"]) == {"queue_lane_control", "smart_cart"}
    again = call("goals", "shorten_queues", "-o", file, "--lang", "en")
    assert again.code == 1 and "a file of this name exists" in again.err


def test_an_unknown_goal_is_named_with_the_nearest_one(call):
    answer = call("goals", "shorten_queue", "--lang", "en")
    assert answer.code == 1 and "There is no goal 'shorten_queue'. Did you mean 'shorten_queues'?" in answer.err
    assert "没有名为“shorten_queue”的目标" in call("goals", "shorten_queue", "--lang", "zh").err
