from storeloom.workers.checkout.pans import Read, amount, at_antenna, follow, nearest, new_pan


def test_a_weight_moves_by_more_than_a_division_and_stands_else():
    pan = new_pan()
    assert follow(pan, 100, "a", steady=True, division_g=2)
    assert not follow(pan, 102, "b", steady=True, division_g=2)
    assert (pan["since"], pan["now_g"]) == ("a", 102)
    assert follow(pan, 99.9, "c", steady=True, division_g=2), "2.1 g between the lowest and the highest"
    assert pan["since"] == "c"


def test_an_unsteady_reading_has_moved_and_the_next_begins_anew():
    pan = new_pan()
    follow(pan, 100, "a", steady=True, division_g=2)
    assert follow(pan, 100, "b", steady=False, division_g=2)
    assert pan["since"] is None
    assert follow(pan, 100, "c", steady=True, division_g=2)
    assert pan["since"] == "c"


def test_trays_are_those_read_near_the_moment_or_else_lately():
    reads = [Read(10, "old", -40), Read(41, "late", -50), Read(44, "late", -52), Read(47, "now", -60)]
    assert at_antenna(reads, 50, 5, 45) == [Read(47, "now", -60)]
    assert at_antenna(reads[:3], 50, 5, 45) == [Read(10, "old", -40), Read(44, "late", -52)]
    assert at_antenna(reads[:1], 56, 5, 45) == []


def test_the_strongest_mean_wins_by_the_lead():
    reads = [Read(1, "a", -50), Read(2, "a", -52), Read(1, "b", -54)]
    assert nearest(reads, 3.0) == "a"
    assert nearest([*reads, Read(2, "b", -53.9)], 3.0) is None
    assert nearest(reads[:1], 3.0) == "a"
    assert nearest([], 3.0) is None


def test_grams_cost_by_the_basis_half_up():
    assert amount(164, 280, 100) == 459
    assert amount(138, 350, 100) == 483
    assert amount(15, 350, 1000) == 5
    assert amount(1, 50, 100) == 1
