"""What is remembered is bounded, the oldest goes first."""

from storeloom.hardware_adapters.links.recent import Recent


def test_the_oldest_is_forgotten_and_a_changed_value_keeps_its_place() -> None:
    kept: Recent[str, int] = Recent(2)
    kept["a"] = 1
    kept["b"] = 2
    kept["a"] = 3
    kept["c"] = 4
    assert list(kept.items()) == [("b", 2), ("c", 4)]
