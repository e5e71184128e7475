"""What a channel may sell."""

from storeloom.workers.optimise.availability import buffer, figure


def test_the_buffer_is_the_smallest_that_serves():
    assert [buffer(1.0, service) for service in (0, 0.7, 0.9, 0.95)] == [0, 1, 2, 3]
    assert buffer(0, 0.999) == 0
    assert buffer(50, 0.9) == 59


def test_a_channel_sees_whole_units_of_its_share():
    assert (figure(6, 1.0), figure(6, 0.8), figure(9, 0.8), figure(-3, 1)) == (6, 4, 7, 0)
