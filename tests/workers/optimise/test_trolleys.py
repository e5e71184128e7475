"""Seed batching on a line of places, by hand."""

from collections.abc import Hashable

from storeloom.workers.optimise.trolleys import Job, load

AT = {"near": 10, "mid": 20, "far": 50}


def there_and_back(stops: frozenset[Hashable]) -> float:
    return 2 * max(AT[str(stop)] for stop in stops)


def soon(metres: float, lines: int) -> float:
    return metres + 10 * lines


def job(name: str, due: float, *stops: str, lines: int = 2) -> Job:
    return Job(name, due, frozenset(stops), lines)


def test_the_earliest_due_takes_along_what_lies_on_its_way() -> None:
    jobs = [job("o3", 900, "far"), job("o1", 800, "mid"), job("o2", 950, "near")]
    aboard, left = load(jobs, there_and_back, totes=2, max_lines=40, ends=soon)
    assert ([one.id for one in aboard], [one.id for one in left]) == (["o1", "o2"], ["o3"])


def test_totes_and_lines_hold() -> None:
    jobs = [job("o1", 800, "mid"), job("o2", 801, "mid", lines=5), job("o3", 802, "near", lines=1)]
    aboard, _ = load(jobs, there_and_back, totes=4, max_lines=6, ends=soon)
    assert [one.id for one in aboard] == ["o1", "o3"]
    assert len(load(jobs, there_and_back, totes=1, max_lines=40, ends=soon)[0]) == 1


def test_nobody_is_late_but_a_seed_rides_anyway() -> None:
    jobs = [job("o1", 70, "mid"), job("o2", 900, "far")]
    assert [one.id for one in load(jobs, there_and_back, totes=4, max_lines=40, ends=soon)[0]] == ["o1"]
    aboard, left = load([job("o1", 5, "far"), job("o2", 900, "near")], there_and_back, totes=4, max_lines=40, ends=soon)
    assert ([one.id for one in aboard], [one.id for one in left]) == (["o1"], ["o2"])


def test_equal_ways_go_by_due_time_and_id() -> None:
    jobs = [job("o1", 800, "mid"), job("o4", 850, "mid"), job("o3", 850, "near"), job("o2", 900, "mid")]
    aboard, _ = load(jobs, there_and_back, totes=3, max_lines=40, ends=soon)
    assert [one.id for one in aboard] == ["o1", "o3", "o4"]
