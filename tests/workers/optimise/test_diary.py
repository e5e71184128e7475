"""People and rooms by time: the worked bookings, who serves, kept starts, substitutes, and delays passed on."""

from datetime import UTC, datetime, timedelta

from storeloom.workers.optimise.diary import Place, Use, first, kept, passed_on, starts, substitute

DAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NONE, QUARTER, HALF = 0 * MINUTE, 15 * MINUTE, 30 * MINUTE


def at(hour, minute=0):
    return DAY + timedelta(hours=hour, minutes=minute)


def use(name, start, staff="ann", room="F1", length=HALF):
    return Use(name, start, start + length, staff, room)


def placed(wish, uses, people=("ann",), rooms=("F1",), cleanup=NONE):
    candidates = [one for one in starts(at(8), at(20), QUARTER, HALF) if one >= wish]
    return first(candidates, HALF, cleanup, uses, rooms, lambda start, end: people)


BOTH = [use("a", at(10)), use("b", at(10, 30))]


def test_the_worked_bookings():
    assert placed(at(10, 5), BOTH) == Place(at(11), "ann", "F1")
    assert placed(at(10, 40), BOTH[:1]) == Place(at(10, 45), "ann", "F1")
    assert placed(at(10, 10), BOTH[:1]) == Place(at(10, 30), "ann", "F1")


def test_starts_lie_on_the_grid_and_end_by_closing():
    assert starts(at(8, 30), at(10), QUARTER, HALF) == [at(8, 30), at(8, 45), at(9), at(9, 15), at(9, 30)]
    assert starts(at(8), at(8, 20), QUARTER, HALF) == []
    assert placed(at(19, 31), []) is None


def test_a_room_is_free_again_after_the_cleanup():
    assert placed(at(10), BOTH[:1], people=("ann", "bo"), cleanup=QUARTER).start == at(10, 45)
    assert placed(at(9, 15), BOTH[:1], cleanup=QUARTER) == Place(at(9, 15), "ann", "F1")
    assert placed(at(9, 30), BOTH[:1], cleanup=QUARTER).start == at(10, 45)


def test_the_person_of_fewest_minutes_serves_then_the_lowest_id():
    assert placed(at(12), [], ("bo", "ann")).staff == "ann"
    assert placed(at(12), BOTH[:1], ("bo", "ann")).staff == "bo"
    assert placed(at(10), BOTH[:1], ("bo", "ann"), ("F1", "F2")) == Place(at(10), "bo", "F2")


def test_nobody_able_or_no_room():
    assert placed(at(12), [], people=()) is None and placed(at(12), [], rooms=()) is None


def test_starts_kept_for_walk_ins():
    def hour(one):
        return one.hour

    assert kept(at(8), at(10), QUARTER, 0.2, hour) == {at(8, 45), at(9, 45)}
    assert kept(at(8, 30), at(10), QUARTER, 0.5, hour) == {at(8, 45), at(9, 30), at(9, 45)}
    assert kept(at(8), at(10), 60 * MINUTE, 0.2, hour) == kept(at(8), at(10), QUARTER, 0, hour) == frozenset()
    assert len(kept(at(8), at(10), QUARTER, 1, hour)) == 8


def test_who_takes_over():
    assert substitute(BOTH[1], [*BOTH, use("c", at(10, 45), "bo", "F2")], ["bo", "cy"]) == "cy"
    assert substitute(BOTH[1], [*BOTH, use("c", at(10, 45), "bo", "F2")], ["bo"]) is None


def test_an_overrun_moves_what_follows_on_the_person_or_room():
    over = [Use("a", at(10), at(10, 43), "ann", "F1")]
    later = [use("b", at(10, 30)), use("c", at(11)), use("d", at(10, 30), "bo", "F1"), use("e", at(10, 30), "cy", "F2"), use("f", at(12))]
    found = passed_on(over, later[:2] + later[3:], NONE)
    assert found == {"b": at(10, 43), "c": at(11, 13), "e": at(10, 30), "f": at(12)}
    assert passed_on(over, [later[2]], QUARTER) == {"d": at(10, 58)}
    assert passed_on([Use("a", at(10), at(10, 20), "ann", "F1")], BOTH[1:], NONE) == {"b": at(10, 30)}
