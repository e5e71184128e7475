"""What a robot makes of a bay: looks and labels fused, free fronts, scenes on the floor and in the picture, and a rendered aisle."""

from __future__ import annotations

import numpy as np
import pytest

from storeloom.workers.insight.proportions import wilson
from storeloom.workers.vision.items.embedding import Embedding
from storeloom.workers.vision.shelf_sight import Settings, Sight, Tag, bound, likenesses, objects_in, of_objects, read, shows, tags_in
from storeloom.workers.vision.shelf_walk import bay, fuse, hidden_share, widest_free
from tests.workers.vision.rendered_aisle import CAMERAS, measure, stops

ROWS = [
    {"slot": "1-1", "shelf": 1, "gtin": "A", "facings": 2, "x_mm": 0, "width_mm": 200, "label": "LA"},
    {"slot": "1-2", "shelf": 1, "gtin": "B", "facings": 1, "x_mm": 200, "width_mm": 100, "label": "LB"},
    {"slot": "2-1", "shelf": 2, "gtin": "C", "facings": 3, "label": "LC"},
]
HOW = Settings()


def test_a_near_label_outweighs_looks_that_are_nearly_the_same() -> None:
    looks = {"A": 0.62, "B": 0.60, "T": 0.10}
    ranked = fuse(looks, {"B": 4.0, "A": 30.0}, temperature=0.1, reach_cm=10, floor=0.05)
    assert ranked[0] == ("B", pytest.approx(0.855, abs=5e-4))
    alone = fuse(looks, {}, temperature=0.1, reach_cm=10, floor=0.05)
    assert [item for item, _ in alone] == ["A", "B", "T"] and alone[0][1] == pytest.approx(0.548, abs=5e-4)
    assert dict(fuse(looks, {}, temperature=0.1, reach_cm=10, floor=0.0)) == pytest.approx(dict(alone))
    assert fuse({}, {"A": 1.0}, temperature=0.1, reach_cm=10, floor=0.05) == []


def test_only_the_best_five_share_the_probability() -> None:
    ranked = fuse({str(n): -0.01 * n for n in range(8)}, {}, temperature=0.1, reach_cm=10, floor=0.05)
    assert [item for item, _ in ranked] == ["0", "1", "2", "3", "4"] and sum(p for _, p in ranked) == pytest.approx(1)


def test_free_and_hidden_fronts() -> None:
    assert widest_free(40, 60, [(40, 46.5), (53.5, 60)]) == pytest.approx(7)
    assert widest_free(0, 10, []) == 10 and widest_free(0, 10, [(-5, 20)]) == 0
    assert hidden_share(0, 10, [(2, 5), (4, 6), (20, 30)]) == pytest.approx(0.4)


def test_a_bay_is_laid_out_by_places_widths_and_heights() -> None:
    products = {"C": {"gtin": "C", "width_mm": 60}}
    shelves = [{"shelf": 1, "height_mm": 400, "width_mm": 500}, {"shelf": 2, "height_mm": 900, "width_mm": 500}]
    made = bay(ROWS, {"shelves": shelves}, products)
    assert [(span.slot, span.level, span.left, span.right) for span in made.spans] == [
        ("1-1", 1, 0, 20),
        ("1-2", 1, 20, 30),
        ("2-1", 0, 0, 18),
    ]  # fmt: skip
    assert (made.width, made.boards, made.height) == (50, (0, 40, 90), 90)
    assert made.level_of(0.3) == 0 and made.level_of(0.5) == 1
    assert bay(ROWS, {}, {}).boards == (0, 40, 80)
    (box,) = bay(ROWS[:1], {}, {}).boxes(bay([{**ROWS[0], "facings": 1}], {}, {}).spans[0])
    assert box == pytest.approx((0, 0, 1, 35 / 40))


def test_packs_in_a_picture_count_for_the_slot_and_board_where_they_stand() -> None:
    made = bay(ROWS, {}, {})
    objects = [
        {"class": "pack", "box": [0, 0.1, 1 / 3, 0.3], "gtins": [["A", 0.9]]},
        {"class": "pack", "box": [0, 0.6, 0.2, 0.3], "candidates": [{"gtin": "C", "likeness": 0.8}]},
        {"class": "person", "box": [0.9, 0, 0.1, 1]},
    ]
    readings = read(of_objects(objects, made), made, str, HOW)
    assert [len(one.packs) for one in readings] == [1, 0, 1]
    assert [one.free for one in readings] == pytest.approx([10, 7, 21])
    assert read(Sight(measured=False), made, str, HOW)[0].free is None


def test_labels_speak_only_on_their_own_board_and_for_the_item_of_their_slot() -> None:
    made = bay(ROWS, {}, {})
    sight = of_objects([{"class": "pack", "box": [0, 0.1, 0.3, 0.3], "gtins": [["A", 0.5], ["C", 0.5]]}], made)
    both = (Tag("LA", None, 5, None), Tag("LC", None, 5, None))
    (pack,) = read(bound(sight, made, both), made, str, HOW)[0].packs
    assert pack[0][0] == "A" and pack[0][1] > 0.9


def test_on_the_floor_the_nearest_label_names_the_slot_also_along_y() -> None:
    made = bay(ROWS, {}, {})
    for turn in (False, True):
        spots = [(0.04, 0.0), (0.15, 0.0), (0.30, 0.0)]
        (x, y), *labels = [(b, a) if turn else (a, b) for a, b in spots]
        sight = of_objects([{"class": "pack", "floor": [x, y], "gtins": [["B", 0.9]], "width_cm": 10}], made)
        tags = [Tag(name, None, 100 * at[0], None, None, 100 * at[1]) for name, at in zip(("LA", "LB"), labels, strict=True)]
        readings = read(bound(sight, made, tags), made, str, HOW)
        assert [len(one.packs) for one in readings] == [1, 0, 0]
        assert [one.free for one in readings] == [pytest.approx(16), pytest.approx(10), None]


def test_candidates_come_in_several_forms() -> None:
    assert likenesses([["A", 0.5], {"gtin": "B", "score": 0.2}, "C", ["A", 0.7]]) == {"A": 0.7, "B": 0.2, "C": 1.0}
    assert likenesses({"A": 0.5}) == {"A": 0.5}


def test_what_a_robot_tells_of_objects_and_labels() -> None:
    objects = [{"class": "pack"}]
    assert objects_in({"scene": {"objects": objects}}) == objects_in({"values": {"boxes": objects}}) == objects
    assert objects_in({"values": {"speed": 1}}) is None and objects_in({"values": {"scene": {"objects": []}}}) == ()
    data = {"labels": [{"label": "LA", "x": 0.5, "y": 0.1, "text": ""}, {"label": "??", "x": 0, "y": 0}]}
    assert tags_in(data, {"LA": "A"}) == (Tag("LA", "A", 50, None, "", 10), Tag("??", None, 0, None, None, 0))


def test_what_a_label_shows_beside_the_price() -> None:
    texts = {"Milk 6.50": "right", "¥5.50": "wrong", " ": "dark", None: "unread", "Milk": "unread"}
    assert {text: shows(Tag("L", "A", 0, None, text), 650, 2) for text in texts} == texts
    assert shows(Tag("L", "A", 0, None, "5.50"), None, 2) == "unread" and shows(Tag("L", "A", 0, None, price=650), 650, 2) == "right"


def test_an_aisle_is_the_same_for_a_seed() -> None:
    (_, one), (_, other) = stops(1, 5, 2, 1), stops(1, 5, 2, 1)
    a, b = next(one), next(other)
    assert np.array_equal(a.picture, b.picture) and a.truth == b.truth and a.tags == b.tags


def test_facings_of_a_rendered_aisle_are_known_in_its_most_blurred_picture() -> None:
    """One bay; `python -m tests.workers.vision.rendered_aisle` measures a whole aisle."""
    found = measure(1, 96, families=2, embedding=lambda: Embedding(mirrored=False), cameras=CAMERAS[-1:])
    low, high = wilson(found.right, found.facings)
    assert found.facings > 18 and found.recall >= 0.95 and low > 0.7 and high > 0.95
    assert found.precision >= 0.95 and found.ghosts == 0
