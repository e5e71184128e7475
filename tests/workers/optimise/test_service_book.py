"""A store's book of services: where rows lie, first starts, tickets, delays, substitutes, guests and the day's figures."""

from datetime import UTC, date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.eligibility import Skills
from storeloom.workers.optimise.service_book import Hands, ServiceBook, Terms, minutes_of, put, service, services, tally, told_anew

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
MINUTE = timedelta(minutes=1)
PRODUCTS = {
    "S": {"gtin": "S", "skill": "fit", "attributes": {"minutes": 30}},
    "G": {"gtin": "G"},
    "P": {"gtin": "P", "attributes": {"minutes": 15}},
}
SKILLS = Skills([{"staff": "ann", "skill": "fit"}, {"staff": "cy", "skill": "fit"}, {"staff": "bo", "skill": "fit", "level": 0}])
HOURS = StoreHours("UTC", {"open": "08:00", "close": "20:00", "closed": ["2026-03-04"]})


def at(hour, minute=0, day=2):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def book(state, now=None, staff=("ann",), rooms=("F1",), share=0.0, cleanup=0, availability=()):
    people = [{"staff": who, "availability": list(availability)} for who in staff]
    terms = Terms(15 * MINUTE, cleanup * MINUTE, share)
    return ServiceBook(HOURS, terms, Hands(lambda: people, SKILLS, lambda: rooms), now or at(9), state)


def order(one, key, wish, **more):
    row = service([{"gtin": "S"}], PRODUCTS.get) | {"order": key, "member": None, "status": "booked"} | more
    one.keep(key, put(row, one.find(row, wish, 3)))
    return row


def test_what_is_served_of_an_order():
    lines = [{"gtin": "S", "qty": 2}, {"gtin": "G"}, {"gtin": "P"}, {"line": 4}]
    assert service(lines, PRODUCTS.get) == {"gtins": ["S", "P"], "skills": ["fit"], "minutes": 75, "began": False}
    assert service([{"gtin": "G"}], PRODUCTS.get) is None
    assert service([{"gtin": "G"}], PRODUCTS.get, 30)["minutes"] == 30
    assert services(PRODUCTS.values()) == {"S": "fit", "P": None} and minutes_of(None) is None


def test_a_booking_lies_on_its_day_and_is_found_by_its_key():
    state = {}
    order(book(state), "a", at(10, day=3), member="m")
    assert list(state) == ["day:2026-03-03", "at:a", "member:m"]
    assert book(state).row("a")["start"] == "2026-03-03T10:00:00Z" and book(state).row("b") is None
    assert list(book(state).rows(NEXT)) == ["a"] and book(state).rows() == {}


def test_a_full_or_closed_day_gives_way_to_the_next():
    state = {}
    assert order(book(state), "a", at(19, 31))["start"] == "2026-03-03T08:00:00Z"
    assert order(book(state), "b", at(19, 31, 3))["start"] == "2026-03-05T08:00:00Z"
    assert order(book(state, rooms=()), "c", at(10))["start"] is None


def test_a_wish_in_the_past_counts_from_now():
    assert order(book({}), "a", at(8))["start"] == "2026-03-02T09:00:00Z"


def test_starts_kept_for_walk_ins_can_be_booked_in_their_hour():
    assert order(book({}, share=0.25), "a", at(10, 45))["start"] == "2026-03-02T11:00:00Z"
    assert order(book({}, share=0.25), "a", at(9, 45))["start"] == "2026-03-02T09:45:00Z"


def test_tickets_get_the_first_starts_in_their_order():
    state = {}
    one = book(state, at(9, 50))
    order(one, "a", at(10))
    for key in ("w1", "w2"):
        one.ticket(key, service([{"gtin": "S"}], PRODUCTS.get), member=None, kiosk="k")
    assert one.plan_tickets() == [("w1", True), ("w2", True)] and one.plan_tickets() == []
    assert [one.rows()[key]["start"][11:16] for key in ("w1", "w2")] == ["10:30", "11:00"]
    one.row("a")["status"] = "no_show"
    assert one.plan_tickets() == [("w1", True), ("w2", True)]
    assert [one.rows()[key]["start"][11:16] for key in ("w1", "w2")] == ["10:00", "10:30"]
    one.clock("ann", there=False)
    assert one.plan_tickets() == [("w1", True), ("w2", True)] and one.row("w1")["start"] is None


def test_a_service_under_way_holds_up_what_follows_and_lets_it_back():
    state = {}
    for key, wish in (("a", at(10)), ("b", at(10, 30)), ("c", at(12))):
        order(book(state), key, wish)
    row = book(state).row("a")
    row.update(status="called", began=True)
    late = book(state, at(10, 40))
    assert late.held_up(late.row("b")) and late.pass_on() == ["b"] and late.row("b")["end"] == "2026-03-02T11:10:00Z"
    assert not late.overlong(row) and book(state, at(11)).overlong(row)
    row.update(status="served", end="2026-03-02T10:20:00Z")
    assert late.pass_on() == ["b"] and late.row("b")["start"] == "2026-03-02T10:30:00Z" and not late.held_up(late.row("b"))


def test_bookings_of_who_left_are_handed_over():
    state = {}
    one = book(state, staff=("ann", "cy"), rooms=("F1", "F2"))
    order(one, "a", at(10))
    order(one, "b", at(10))
    one.clock("ann", there=False)
    assert [(key, row["staff"], before) for key, row, before in one.hand_over("ann")] == [("a", None, "ann")]
    one.clock("ann", there=True)
    assert [(key, row["staff"], before) for key, row, before in one.hand_over(None)] == [("a", "ann", None)]
    assert state["out:2026-03-02"] == []


def test_when_a_row_is_looked_at_again():
    one = book({})
    row = order(one, "a", at(12), member="m")
    grace, hours = 10 * MINUTE, [120 * MINUTE, 240 * MINUTE]
    assert one.alarms("a", row, grace, hours) == {("start", "a"): at(12), ("noshow", "a"): at(12, 10), ("remind", "a|120"): at(10)}
    row["status"] = "called"
    assert one.alarms("a", row, grace, hours) == {("end", "a"): at(12, 30)}
    row["status"] = "held"
    assert one.alarms("a", row, grace, hours) == {}


def test_a_guest_is_expected_from_early_on():
    state = {}
    order(book(state), "a", at(12), member="m")
    hour = 60 * MINUTE
    assert book(state, at(10, 59)).expected("m", None, hour) is None
    assert book(state, at(11)).expected("m", None, hour) == "a" == book(state, at(11)).expected(None, "a", hour)
    assert book(state, at(11)).expected("x", "x", hour) is None


def test_what_is_known_of_a_guest_is_forgotten():
    state = {}
    order(book(state), "a", at(12), member="m")
    book(state, at(12, 10)).strike("m")
    book(state).row("a")["status"] = "no_show"
    later = datetime(2026, 5, 31, 12, 9, tzinfo=UTC)
    assert len(book(state, later).strikes("m", 90)) == 1 and book(state, later).strikes("x", 90) == []
    book(state, later).tidy("m", 90)
    assert state["member:m"] == {"open": [], "strikes": ["2026-03-02T12:10:00Z"]}
    book(state, later + MINUTE).tidy("m", 90)
    assert "member:m" not in state
    book(state, at(9, day=9)).forget(7)
    assert "at:a" in state
    book(state, at(9, day=10)).forget(7)
    assert state == {}


def test_the_first_purchase_after_a_service():
    state = {}
    row = order(book(state), "a", at(9), member="m")
    assert not book(state).first_purchase("m")
    row["status"] = "served"
    assert [book(state).first_purchase("m") for _ in "12"] == [True, False] and not book(state).first_purchase(None)
    book(state).tidy("m", 90, over=True)
    assert "member:m" not in state


def test_the_day_in_figures():
    state = {}
    one = book(state, availability=[{"weekday": 1, "from": "09:00", "to": "12:00"}])
    order(one, "a", at(9))["status"] = "called"
    order(one, "b", at(10))
    order(one, "c", at(10, 40), order=None, status="waiting", number=1)
    assert one.close(DAY) == ["a", "b", "c"] and one.close(DAY) == []
    assert tally(one.rows()) == {"booked": 2, "walk_ins": 1, "served": 1, "no_shows": 0, "service_min": 30}
    one.clock("ann", there=False)
    assert (one.hand_minutes(DAY, ["fit"]), one.hand_minutes(DAY, [None, "fit"]), one.hand_minutes(date(2026, 3, 4), ["fit"])) == (
        180,
        180,
        0,
    )


def test_a_guest_is_told_of_a_move_once():
    row = {"told": "2026-03-02T10:00:00Z", "start": "2026-03-02T10:09:00Z"}
    assert not told_anew(row, 10 * MINUTE)
    row["start"] = "2026-03-02T09:50:00Z"
    assert told_anew(row, 10 * MINUTE) and not told_anew(row, 10 * MINUTE)
    fresh = {"told": None, "start": "2026-03-02T09:50:00Z"}
    assert not told_anew(fresh, MINUTE) and fresh["told"] == fresh["start"]
