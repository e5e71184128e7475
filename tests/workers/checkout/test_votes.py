"""What most frames say."""

import pytest

from storeloom.workers.checkout.votes import best_of, cast_vote, winner


def test_the_last_frames_vote():
    votes: list[str | None] = []
    for vote in ["a", "a", None, "b", "b", "b"]:
        cast_vote(votes, vote, 5)
    assert votes == ["a", None, "b", "b", "b"]


@pytest.mark.parametrize(
    ("votes", "agree", "won"),
    [
        (["pork", "pork", "pork", "beef", "pork"], 3, "pork"),
        (["greens", None, "greens", "greens", None], 3, "greens"),
        (["tofu", "tofu", "egg", "egg", None], 3, None),
        (["tofu", "tofu", "egg", "egg"], 2, None),
        (["tofu", "tofu", "egg"], 2, "tofu"),
        ([None, None], 1, None),
        ([], 1, None),
    ],
)
def test_a_choice_wins_with_enough_votes_and_more_than_any_other(votes, agree, won):
    assert winner(votes, agree) == won


def test_pieces_of_one_kind_are_ranked_together():
    assert best_of([[("fuji", 0.6), ("gala", 0.3)], [("gala", 0.7), ("fuji", 0.2)], []]) == [("gala", 0.7), ("fuji", 0.6)]
