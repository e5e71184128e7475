import pytest

from storeloom.workers.loyalty.tiers import rank


@pytest.mark.parametrize(
    ("tier", "place"), [("3", 3), (2, 2), ("vip2", 2), ("gold", 3), ("金卡", 3), ("basic", 0), (None, 0), ("odd", 0), (0, 0)]
)
def test_the_rank_of_a_tier(tier, place):
    assert rank(tier) == place
