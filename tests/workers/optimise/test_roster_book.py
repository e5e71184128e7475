"""A roster's rows turned into a problem, and counted."""

from datetime import date

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.roster_book import DayFigures, RosterBook, Terms
from storeloom.workers.optimise.shifts import Rules

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
TERMS = Terms(["09:00-17:00", "17:00-01:00"], 30, 36 * 60, Rules())
MONDAY = date(2026, 3, 2)
NEEDS = {"2026-03-02": {"cashier|2026-03-02T01:00:00Z": ["2026-03-02T13:00:00Z", 1]}}
EARLY = {"staff": "li", "role": "cashier", "start": "2026-03-02T01:00:00Z", "end": "2026-03-02T09:00:00Z"}
STAFF = [{"staff": "li", "hourly_pay": 2000}, {"staff": "mo", "hourly_pay": 1000, "minor": True}]


def book(**rows: object) -> RosterBook:
    return RosterBook(HOURS, TERMS, **({"staff": STAFF, "skills": [], "needs": NEEDS, "duties": []} | rows))  # type: ignore[arg-type]


def test_candidates_and_paid_time() -> None:
    problem = book().problem([MONDAY])
    found = {(duty.person, HOURS.local(duty.shift.start).hour): duty.shift.paid_min for duty in problem.candidates}
    assert found == {("li", 9): 450, ("li", 17): 450, ("mo", 9): 450}


def test_absent_forbidden_and_forced() -> None:
    assert {d.person for d in book(absences=[EARLY]).problem([MONDAY]).candidates if d.shift.start.hour == 1} == {"mo"}
    problem = book().problem([MONDAY], [{"staff": "li", "date": "2026-03-02", "off": True}, EARLY | {"staff": "mo"}])
    assert {d.person for d in problem.candidates} == {"mo"} and [d.person for d in problem.locked] == ["mo"]


def test_figures_count_the_roster_and_not_other_duties() -> None:
    wish = {"staff": "li", "start": EARLY["start"], "end": EARLY["end"], "off": False}
    own = book(duties=[EARLY | {"state": "published"}], wishes=[wish], holidays=[["2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z"]])
    assert own.figures(MONDAY) == DayFigures(12, 8, 3 * 7.5 * 2000, 1, 1)
    lent = book(duties=[EARLY | {"state": "other"}], wishes=[wish])
    assert lent.figures(MONDAY) == DayFigures(12, 0, 0, 1, 0)


def test_overtime_left_and_weekends() -> None:
    days = [f"2026-03-{day:02}" for day in range(2, 9)]
    duties = [{"staff": "li", "start": f"{day}T01:00:00Z", "end": f"{day}T09:00:00Z", "state": "published"} for day in days]
    person = (
        book(duties=duties)
        .problem([date(2026, 3, 9)], [EARLY | {"start": "2026-03-09T01:00:00Z", "end": "2026-03-09T09:00:00Z"}])
        .people["li"]
    )
    assert person.overtime_left_min == 36 * 60 - (7 * 450 - 2400) and person.weekends == 2


def test_what_ends_before_it_begins_counts_for_nothing() -> None:
    back = EARLY | {"start": EARLY["end"], "end": EARLY["start"]}
    needs = {"2026-03-02": {"cashier|2026-03-02T13:00:00Z": ["2026-03-02T01:00:00Z", 1]}}
    made = book(needs=needs, duties=[back | {"state": "published"}], wishes=[back | {"off": False}])
    problem = made.problem([MONDAY], [back])
    assert not problem.needs and not problem.standing and not problem.wishes and not problem.locked
    assert problem.zone is HOURS.zone


def test_heads_and_pay_below_nil_are_nil() -> None:
    needs = {"2026-03-02": {"cashier|2026-03-02T01:00:00Z": ["2026-03-02T13:00:00Z", -1]}}
    made = book(needs=needs, staff=[{"staff": "li", "hourly_pay": -5}], duties=[EARLY | {"state": "published"}])
    assert made.problem([MONDAY]).needs[0].heads == 0 and made.figures(MONDAY).wages == 0
