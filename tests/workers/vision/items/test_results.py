"""Rankings: what a scene gives stands for them."""

import pytest

from storeloom.workers.vision.errors import SceneError
from storeloom.workers.vision.items.results import NOTHING, Ranking, given


def test_a_scenes_gtins_are_ranked() -> None:
    ranking = given([["b", 0.2], ["a", 0.7], ["c", 0.1]], k=2)
    assert ranking == Ranking((("a", 0.7), ("b", 0.2)), False, "recognised")
    assert (ranking.gtin, ranking.score) == ("a", 0.7)


def test_a_poor_score_is_unknown_but_still_offered() -> None:
    ranking = given([["a", 0.4]], least=0.5)
    assert (ranking.gtin, ranking.unknown, ranking.reason, ranking.candidates) == (None, True, "undecided", (("a", 0.4),))


def test_nothing_given_is_nothing_enrolled() -> None:
    assert given([]) is NOTHING
    assert (NOTHING.gtin, NOTHING.score, NOTHING.reason) == (None, 0.0, "nothing_enrolled")


@pytest.mark.parametrize("pair", ["ab", ["a"], ["a", "0.5"], ["a", True], ["a", 1.5], ["a", float("nan")], ["", 0.5], [1, 0.5]])
def test_what_is_no_pair_is_refused(pair: object) -> None:
    with pytest.raises(SceneError, match=r"Found .*Give \[\[gtin, score\], \.\.\.\]"):
        given([["b", 0.2], pair])
