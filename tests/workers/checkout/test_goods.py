"""Goods before a counter's camera."""

from datetime import UTC, datetime

import numpy as np
import pytest

from storeloom.workers.checkout.goods import add_sample, heaps, is_cheap, judge, look_at, new_item
from storeloom.workers.vision.items.shops import Shops
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Seen
from tests.workers.vision.items.toys import Colours

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Nothing:
    """A detector that knows no shape."""

    score = 0.5

    def detect(self, frame, *, min_score=None):
        return []


def seen(*objects, **more):
    view = VisionWorker().view({"camera": "cam", "seq": 7, "scene": {"objects": list(objects)}}, AT)
    return look_at(view, "produce", **{"kind_score": 0.85, "whole": True, "written": str.upper} | more)


def goods(box, *pairs):
    return {"class": "bag", "box": box, "gtins": [list(pair) for pair in pairs]}


def test_several_boxes_of_one_kind_are_one_bag():
    look = seen(
        goods([0.1, 0.1, 0.2, 0.2], ("fuji", 0.9), ("gala", 0.1)),
        goods([0.5, 0.5, 0.3, 0.3], ("fuji", 0.7), ("gala", 0.2)),
        {"class": "hand", "box": [0, 0, 0.9, 0.9]},
    )
    assert look == {
        "camera": "cam", "seq": 7, "box": [0.5, 0.5, 0.3, 0.3], "candidates": [["FUJI", 0.9], ["GALA", 0.2]], "sure": True, "mixed": False,
    }  # fmt: skip


def test_two_kinds_are_mixed_once_both_are_sure_enough():
    two = goods([0.1, 0.1, 0.2, 0.2], ("fuji", 0.9)), goods([0.5, 0.5, 0.3, 0.3], ("pear", 0.84))
    assert not seen(*two)["mixed"] and seen(*two, kind_score=0.84)["mixed"]


def test_an_empty_scene_is_no_look_and_an_unsure_one_says_so():
    assert seen() is None and seen({"class": "person", "box": [0, 0, 1, 1]}) is None
    assert not seen(goods([0.1, 0.1, 0.2, 0.2], ("fuji", 0.4)))["sure"]


def test_a_picture_of_no_known_shape_is_taken_whole_where_a_weight_waits():
    pixels = np.full((32, 32, 3), (0, 0, 200), np.uint8)
    shops = Shops(embedding=Colours)
    shops.enrol("produce", "apple", [Colours().embed(pixels)])
    worker = VisionWorker(Nothing, items=shops)
    view = worker.view({"camera": "cam", "seq": 1, "width": 32, "height": 32, "pixels": pixels}, AT)
    assert look_at(view, "produce", kind_score=0.85, whole=False, written=str) is None
    look = look_at(view, "produce", kind_score=0.85, whole=True, written=str)
    assert look["box"] == [0.0, 0.0, 1.0, 1.0] and look["candidates"] == [["apple", 1.0]]
    assert worker.enrol("cam", 1, look["box"], "produce", "apple") == "enrolled"


def test_only_what_lies_on_the_drawn_pan_counts():
    pan = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
    both = goods([0.1, 0.1, 0.2, 0.2], ("fuji", 0.9)), goods([0.4, 0.1, 0.4, 0.4], ("pear", 0.9))
    look = seen(*both, pan=pan)
    assert look["candidates"] == [["FUJI", 0.9]] and not look["mixed"] and seen(both[1], pan=pan) is None


def test_a_picture_of_no_known_shape_is_taken_where_the_pan_is_drawn():
    pixels = np.full((32, 32, 3), (0, 200, 0), np.uint8)
    pixels[:, 16:] = (0, 0, 200)
    shops = Shops(embedding=Colours)
    shops.enrol("produce", "apple", [Colours().embed(pixels[:, 16:])])
    view = VisionWorker(Nothing, items=shops).view({"camera": "cam", "seq": 1, "width": 32, "height": 32, "pixels": pixels}, AT)
    pan = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]
    assert look_at(view, "produce", kind_score=0.85, whole=True, written=str, pan=pan)["box"] == [0.5, 0.0, 0.5, 1.0]


def test_a_heap_of_one_class_is_looked_at_once():
    def thing(cls, score, *box):
        return Seen(None, cls, score, box)

    things = [thing("apple", 0.5, 0.1, 0.2, 0.2, 0.2), thing("orange", 0.6, 0.4, 0.4, 0.1, 0.1), thing("apple", 0.4, 0.3, -0.1, 0.1, 0.5)]
    orange, apples = heaps(things)
    assert orange == pytest.approx((0.4, 0.4, 0.1, 0.1)) and apples == pytest.approx((0.1, 0.0, 0.3, 0.4))
    many = [thing(f"c{n}", 0.9 - 0.1 * n, 0.0, 0.0, 0.1, 0.1 * n) for n in range(6)]
    assert [round(box[3], 1) for box in heaps(many)] == [0.0, 0.1, 0.2, 0.3] and heaps([]) == []


def test_a_price_is_cheap_by_a_ratio_its_border_included():
    # potato 598 x 1.5 = 897 <= 5980; gala 1380 x 1.5 = 2070 > 1580; 1.1 x 100 is 110 exactly
    assert is_cheap(598, 5980, 1.5) and not is_cheap(1380, 1580, 1.5) and is_cheap(100, 110, 1.1)


def test_a_new_item_is_live_after_its_photos():
    item = new_item(known=False)
    assert [add_sample(item, "choice", most=2, photos=3) for _ in range(4)] == [False, False, True, False]
    assert item["samples"] == 2 and item["new"] is None


def test_an_item_that_is_chosen_too_seldom_is_learnt_anew_from_photos():
    item = new_item(known=True)
    # 0.95^6 = 0.7351, 0.95^7 = 0.6983
    assert [judge(item, False, weight=0.05, floor=0.7) for _ in range(7)] == [False] * 6 + [True]
    assert item["share"] == 1.0 and item["anew"] == 0
    assert not add_sample(item, "choice", most=9, photos=1) and add_sample(item, "photo", most=9, photos=1)
    assert item["anew"] is None and not judge(item, True, weight=0.05, floor=0.99)
