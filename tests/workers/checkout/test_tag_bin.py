"""Tags in a bin, by hand."""

from storeloom.workers.checkout import tag_bin

RULES = tag_bin.Rules(3, -55, 2)


def read(tags: tag_bin.Bin, tag: str, t_s: float, rssi: float, count: int = 1) -> bool:
    return tag_bin.add(tags, tag, f"epc-{tag}", f"gtin-{tag}", (f"{t_s}|{rssi}", t_s, rssi, count), RULES.gone_s)


def test_a_tag_needs_its_reads_and_its_strength() -> None:
    tags: tag_bin.Bin = {}
    for t_s in (0.0, 0.5):
        read(tags, "A", t_s, -42)
        read(tags, "D", t_s, -61)
    assert tag_bin.inside(tags, 0.5, RULES) == []
    assert not read(tags, "A", 0.5, -42)
    read(tags, "A", 1, -70)
    read(tags, "D", 1, -40)
    assert tag_bin.inside(tags, 1, RULES) == ["A"] and tag_bin.strays(tags, RULES) == ["D"]
    read(tags, "B", 1, -50, count=3)
    assert tag_bin.inside(tags, 1, RULES) == ["A", "B"]


def test_a_tag_that_is_not_read_any_more_is_gone_and_begins_anew() -> None:
    tags: tag_bin.Bin = {}
    read(tags, "A", 0, -50, count=4)
    assert tag_bin.next_gone(tags, ["A"], RULES.gone_s) == 2
    assert tag_bin.inside(tags, 1.99, RULES) == ["A"] and tag_bin.inside(tags, 2, RULES) == []
    read(tags, "A", 2, -50)
    assert tags["A"]["reads"] == 1 and tag_bin.inside(tags, 2, RULES) == []
    assert tag_bin.next_gone(tags, [], RULES.gone_s) is None


def test_what_the_bin_weighs_too_much() -> None:
    assert tag_bin.difference(1120, [180, 220, 410]) == 310
    assert tag_bin.difference(500, [180, None]) is None
    assert tag_bin.difference(40, []) == 40
