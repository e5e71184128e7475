"""Places for an order by hand: S1 has all three goods at 1200, S2 two at 600, S3 the third at 500; each further parcel costs 400."""

from storeloom.workers.optimise.order_routes import Place, most_of, route

GOODS = ("a", "b", "c")
S2, S3 = Place("S2", 600, 30, frozenset("ab")), Place("S3", 500, 30, frozenset("c"))


def s1(parcel: int = 1200, **off: int) -> Place:
    return Place("S1", parcel, 30, frozenset("abc"), off)


def test_one_place_that_has_all_against_two_that_are_cheaper_apart() -> None:
    assert route(GOODS, [s1(), S2, S3], most=2, split=400) is not None
    assert route(GOODS, [s1(), S2, S3], most=2, split=400).goods == {"S1": GOODS}  # type: ignore[union-attr]
    loaded = route(GOODS, [s1(1700), S2, S3], most=2, split=400)
    assert loaded is not None and (loaded.cost, loaded.goods) == (1500, {"S2": ("a", "b"), "S3": ("c",)})
    cleared = route(GOODS, [s1(1700, a=150, b=150), S2, S3], most=2, split=400)
    assert cleared is not None and (cleared.cost, cleared.goods) == (1400, {"S1": GOODS})


def test_a_place_that_serves_already_costs_no_further_parcel() -> None:
    kept = Place("S2", 600, 30, frozenset("abc"), kept=True)
    assert route(["c"], [kept, S3], most=2, split=400, kept=1) == route(["c"], [kept], most=2, split=400, kept=1)
    apart = route(["c"], [S3], most=2, split=400, kept=1)
    assert apart is not None and apart.cost == 900
    assert route(["c"], [S3], most=1, split=400, kept=1) is None


def test_ties_go_to_fewer_places_then_the_earlier_then_by_name() -> None:
    late, soon = Place("A", 1000, 60, frozenset("ab")), Place("B", 1000, 30, frozenset("ab"))
    halves = [Place("C", 300, 10, frozenset("a")), Place("D", 300, 10, frozenset("b"))]
    found = route(("a", "b"), [late, soon, *halves], most=2, split=400)
    assert found is not None and found.goods == {"B": ("a", "b")}
    same = route(("a",), [Place("Z", 5, 1, frozenset("a")), Place("Y", 5, 1, frozenset("a"))], most=1, split=0)
    assert same is not None and set(same.goods) == {"Y"}


def test_without_a_cover_the_most_that_can_be_had_at_the_least_cost() -> None:
    assert route((*GOODS, "d"), [s1(), S2, S3], most=2, split=400) is None
    found = most_of((*GOODS, "d"), [s1(), S2, S3], most=2, split=400)
    assert found is not None and (found.missing, found.goods) == (("d",), {"S1": GOODS})
    assert most_of(("d",), [s1()], most=2, split=400) is None
