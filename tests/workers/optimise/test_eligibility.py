"""Who may be given work, and what a roster pays."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.optimise.eligibility import Skills, is_available, is_employed, of_section
from storeloom.workers.optimise.roster_pay import wages, week_overtime
from storeloom.workers.optimise.shifts import Duty, Shift

DAY = date(2026, 3, 2)  # a Monday


def at(hour: float) -> datetime:
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)


def test_role_and_papers() -> None:
    skills = Skills(
        [
            {"role": "fresh", "skill": "food_safety", "level": 2, "mandatory": True},
            {"role": "fresh", "skill": "knife", "level": 1, "mandatory": False},
            {"staff": "a", "skill": "food_safety", "level": 2, "valid_to": "2026-03-02"},
            {"staff": "b", "skill": "food_safety", "level": 1},
            {"staff": "c", "skill": "food_safety", "level": 3},
            {"staff": "c", "skill": "knife", "level": 1},
        ]
    )
    assert skills.may_work({"staff": "a", "roles": ["fresh"]}, "fresh", DAY)
    assert not skills.may_work({"staff": "a", "roles": ["fresh"]}, "fresh", DAY + timedelta(days=1))
    assert not skills.may_work({"staff": "b", "roles": ["fresh"]}, "fresh", DAY)
    assert skills.may_work({"staff": "c", "roles": ["grocery"]}, "fresh", DAY)
    assert not skills.may_work({"staff": "a", "roles": ["grocery"]}, "fresh", DAY)
    assert not skills.may_work({"staff": "a", "roles": ["fresh"]}, "cashier", DAY)


def test_without_roles_skills_decide() -> None:
    assert Skills([]).may_work({"staff": "a"}, "cashier", DAY)
    skills = Skills([{"staff": "a", "skill": "cashier"}])
    assert skills.may_work({"staff": "a"}, "cashier", DAY) and not skills.may_work({"staff": "b"}, "cashier", DAY)


def test_employment() -> None:
    person = {"staff": "a", "hired": "2026-03-02", "left": "2026-04-01"}
    days = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 31), date(2026, 4, 1)]
    assert [is_employed(person, day) for day in days] == [False, True, True, False]
    assert is_employed({"staff": "a"}, DAY)
    assert not is_employed({"staff": "a", "left": True}, DAY)


def test_availability() -> None:
    late = [{"weekday": 1, "from": "12:00", "to": "24:00"}]
    assert is_available(late, at(13), at(21)) and is_available(late, at(16), at(24))
    assert not is_available(late, at(9), at(17)) and not is_available(late, at(37), at(40))
    night = [{"weekday": 1, "from": "20:00", "to": "06:00"}]
    assert is_available(night, at(22), at(30)) and not is_available(night, at(22), at(30.5))
    assert is_available([], at(9), at(17)) and is_available(None, at(9), at(17))


def test_of_section() -> None:
    late = [{"weekday": 1, "from": "12:00", "to": "22:00"}]
    staff = [{"staff": "b", "section": "dairy"}, {"staff": "a", "section": "dairy", "availability": late}, {"staff": "c"},
             {"staff": "d", "section": "dairy", "left": "2026-03-02"}]  # fmt: skip
    assert of_section(staff, "dairy", at(13), at(14)) == ["a", "b"]
    assert of_section(staff, "dairy", at(9), at(10)) == ["b"]
    assert of_section(staff, None, at(9), at(10)) == []


def test_pay() -> None:
    def duty(n: int, *, holiday: bool = False) -> Duty:
        day = DAY + timedelta(days=n)
        return Duty("a", "cashier", Shift(day, at(9), at(17), 480, holiday))

    assert wages([duty(0), duty(1, holiday=True)], {"a": 2000}) == 16000 + 48000
    assert week_overtime([duty(n) for n in range(5)], {"a": 2000}, 2400) == (0, 0)
    assert week_overtime([duty(n) for n in range(6)], {"a": 2000}, 2400) == (480, pytest.approx(8000))
    assert week_overtime([duty(n) for n in range(7)], {"a": 2000}, 3360) == (0, pytest.approx(16000))
