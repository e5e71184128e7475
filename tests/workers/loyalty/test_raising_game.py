"""The raising game and the release of prizes, worked by hand."""

from datetime import UTC, date, datetime

import pytest

from storeloom.workers.loyalty import raising_game as game

DAY = date(2026, 3, 2)
LEVELS = [10, 30, 80]


def test_ten_drops_reach_the_first_level_once_and_idle_days_take_no_level():
    player = game.new()
    assert game.drops_for(5680, 1) == 5 and game.drops_for(2000, 1) == 2 and game.drops_for(-500, 1) == 0
    assert game.add(player, 5, DAY, 7, LEVELS) == [] and game.share(player, DAY) and not game.share(player, DAY)
    assert game.add(player, 3, DAY, 7, LEVELS) == [] and game.add(player, 2, DAY, 7, LEVELS) == [1]
    assert game.growth(player, date(2026, 3, 9), 7) == 10 and game.growth(player, date(2026, 3, 10), 7) == 9
    assert game.add(player, 1, date(2026, 3, 10), 7, LEVELS) == [] and player["levels"] == [1] and player["growth"] == 10
    assert game.add(player, 70, date(2026, 3, 10), 7, LEVELS) == [2, 3]
    assert game.add(player, -500, date(2026, 3, 10), 7, LEVELS) == [] and player["growth"] == 0


@pytest.mark.parametrize(("minute", "number"), [(20, 0), (29, 0), (30, 1), (35, 1), (50, 1), (60, 2), (839, 27)])
def test_prizes_are_released_evenly(minute, number):
    opens, closes = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 2, 22, tzinfo=UTC)
    at = datetime(2026, 3, 2, 8 + minute // 60, minute % 60, tzinfo=UTC)
    assert game.released(28, opens, closes, at) == number


def test_luck_is_a_matter_of_seed_and_receipt():
    won = [game.lucky("s", f"r{number}", 30) for number in range(2000)]
    assert won == [game.lucky("s", f"r{number}", 30) for number in range(2000)] and 0.27 < sum(won) / 2000 < 0.33
    assert won != [game.lucky("t", f"r{number}", 30) for number in range(2000)]
    assert all(game.lucky("s", f"r{number}", 100) for number in range(99)) and not game.lucky("s", "r", 0)
