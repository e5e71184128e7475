"""Boxes of several algorithms made into one list of things."""

from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.workers.vision.fusion import Finding, FusedView, fuse_findings, with_boxes
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Seen

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def seen(left: float, score: float, cls: str = "person", track: str | None = None, **attrs: Any) -> Seen:
    """A box of 0.1 x 0.2 at a height of 0.1."""
    return Seen(track, cls, score, (left, 0.1, 0.1, 0.2), attrs=attrs)


def test_two_boxes_of_two_algorithms_are_one_surer_thing() -> None:
    # overlap 0.09 / 0.11 = 0.818; left (0.6 x 0.10 + 0.5 x 0.11) / 1.1; 1 - 0.4 x 0.5
    (one,) = fuse_findings([Finding(seen(0.11, 0.5), "b"), Finding(seen(0.10, 0.6), "a")], 0.55)
    assert one.score == pytest.approx(0.8)
    assert one.box == pytest.approx((0.104545, 0.1, 0.1, 0.2), abs=1e-6)


def test_the_overlap_counts_from_its_limit_on() -> None:
    pair = [Finding(seen(0.0, 0.6), "a"), Finding(seen(0.05, 0.5), "b")]
    # 0.05 / 0.15
    assert len(fuse_findings(pair, 1 / 3)) == 1
    assert len(fuse_findings(pair, 0.334)) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Finding(seen(0.1, 0.6), "a"), Finding(seen(0.1, 0.5), "a")),
        (Finding(seen(0.1, 0.6), "a"), Finding(seen(0.1, 0.5, "chair"), "b")),
        (Finding(seen(0.1, 0.6), "a"), Finding(seen(0.1, 0.0), "b")),
    ],
    ids=["one algorithm", "two classes", "no confidence"],
)
def test_what_is_not_one_thing(first: Finding, second: Finding) -> None:
    assert fuse_findings([second, first], 0.55) == [first.thing, second.thing]


def test_an_unnamed_algorithm_fuses_with_any() -> None:
    (one,) = fuse_findings([Finding(seen(0.1, 0.6)), Finding(seen(0.1, 0.5)), Finding(seen(0.1, 0.5), "a")], 0.55)
    assert one.score == pytest.approx(1 - 0.4 * 0.5 * 0.5)


def test_attributes_merge_and_the_surer_wins() -> None:
    (one,) = fuse_findings([Finding(seen(0.1, 0.5, track="t", hat=False, vest=True), "b"), Finding(seen(0.1, 0.6, hat=True), "a")], 0.55)
    assert (one.track, one.attrs) == ("t", {"hat": True, "vest": True})


def test_a_box_joins_the_thing_that_it_overlaps_most() -> None:
    found = fuse_findings([Finding(seen(0.10, 0.9), "a"), Finding(seen(0.16, 0.8), "a"), Finding(seen(0.15, 0.5), "b")], 0.3)
    assert [thing.score for thing in found] == [0.9, pytest.approx(1 - 0.2 * 0.5)]


def test_a_scene_names_who_found_a_thing() -> None:
    def objects(*sources: str) -> list[dict[str, Any]]:
        return [{"class": "person", "score": 0.5, "box": [0.1, 0.1, 0.1, 0.2], "algorithm": one} for one in sources]

    worker = VisionWorker()
    for seq, (sources, count) in enumerate([(("a", "b"), 1), (("a", "a"), 2)]):
        view = worker.view({"camera": "c", "seq": seq, "scene": {"objects": objects(*sources)}}, AT)
        things = FusedView(view, 0.55).observation.objects
        assert len(things) == count and all("algorithm" not in thing.attrs for thing in things)
        assert len(view.observation.objects) == 2


def test_boxes_that_an_algorithm_found_itself() -> None:
    own = {"helmets": [{"class": "person", "score": 0.5, "box": [0.11, 0.1, 0.1, 0.2], "attrs": {"helmet": True}}]}
    chair, both = with_boxes([seen(0.1, 0.6, track="t"), seen(0.1, 0.7, "chair")], own, 0.55)
    assert (chair.cls, chair.score) == ("chair", 0.7)
    assert (both.score, both.track, both.attrs) == (pytest.approx(0.8), "t", {"helmet": True})
