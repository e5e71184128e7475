from storeloom.workers.pricing.endings import highest_ending


def test_the_highest_allowed_ending_up_to_a_price():
    assert highest_ending(1180, [90, 80, 60]) == 1180
    assert highest_ending(1155, [90, 80, 60]) == 1090
    assert highest_ending(1165, [90, 80, 60]) == 1160
    assert highest_ending(50, [90, 80, 60]) is None
    assert highest_ending(1180, []) is None
