"""Rounds with their checklists, learning cards and talks, and shoppers followed step by step."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from math import hypot

import pytest

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.footsteps import box_of, walk
from storeloom.core.virtual.people_answers import _chosen

DONE = frozenset({"task.done", "scanner.code", "training.event", "vision.track"})


@pytest.fixture(scope="module")
def ran(run):
    return run(days=7, scale=0.1, streams=DONE)


def test_each_round_answers_every_item_of_its_checklist(ran):
    items = {}
    for row in ran.store.tables["checklists"]:
        items.setdefault(row["checklist"], set()).add(row["item"])
    walked = [data for data in ran.data("task.done") if "checklist" in data.get("values", {})]
    assert {data["values"]["checklist"] for data in walked} == {"opening", "closing", "hygiene", "fire"}
    assert all(set(data["values"]) - {"checklist"} == items[data["values"]["checklist"]] for data in walked)
    assert all(bool(data.get("photos")) == (data["values"]["checklist"] == "fire") for data in walked)
    names = [data["task"] for data in walked]
    assert len(names) == len(set(names))


def test_a_walker_has_a_role_of_the_checklist_and_scans_the_store_twice(ran):
    roles = {row["staff"]: set(row["roles"]) for row in ran.store.tables["staff"]}
    asked = {}
    for row in ran.store.tables["checklists"]:
        asked.setdefault(row["checklist"], set()).add(row["role"])
    code = f"store:{ran.store.profile['store']}"
    scans = [fact for fact in ran.facts if fact.stream == "scanner.code" and fact.data["code"] == code]
    done = [fact for fact in ran.facts if fact.stream == "task.done"]
    assert len(done) > 30
    # a scanner that was off line sends late: the time of the scan counts
    marks = Counter((fact.data["staff"], (fact.time or fact.received).replace(microsecond=0)) for fact in scans)
    for fact in done:
        assert roles[fact.data["staff"]] & asked[fact.data["values"]["checklist"]]
        begin = datetime.fromisoformat(fact.data["started"])
        assert timedelta(minutes=22) <= (fact.time or fact.received) - begin <= timedelta(minutes=33)
        assert marks[fact.data["staff"], begin]


def test_findings_are_the_items_answered_no_or_beyond_their_limit(ran):
    told = set()
    least = {row["item"]: row.get("min") for row in ran.store.tables["checklists"]}
    for data in ran.data("task.done"):
        for item, answer in data["values"].items():
            low = least.get(item)
            if answer is False or answer == 480.0 or (low is not None and answer < low):
                told.add((data["task"], item))
    true = {(row["task"], row["item"]) for row in ran.store.truth.findings}
    assert told
    assert told <= true


def test_cards_and_talks_belong_to_a_course_of_the_role(ran):
    cards = {row["course"]: {card["card"] for card in row["cards"]} for row in ran.store.tables["courses"]}
    answers = [data for data in ran.data("training.event") if data["kind"] == "answer"]
    assert all(data["card"] in cards[data["course"]] for data in answers)
    assert all(0 <= data["quality"] <= 5 for data in answers if "quality" in data)
    talks = [data["turns"] for data in answers if "turns" in data]
    assert talks
    assert all(sum(turn["by"] == "staff" for turn in turns) >= 3 for turns in talks)


def test_one_shopper_in_forty_is_followed_every_two_seconds(ran):
    tracks = {}
    for data in ran.data("vision.track"):
        tracks.setdefault(data["track"], []).extend(data["points"])
    followed = [sorted(points) for points in tracks.values() if len(points) > 20]
    arrivals = sum(ran.store.truth.arrivals.values())
    assert arrivals / 60 < len(followed) < arrivals / 25
    gaps, paces = Counter(), []
    for points in followed:
        for (one, x, y), (other, u, v) in pairwise(points[:-1]):
            seconds = (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()
            gaps[seconds] += 1
            paces.append(hypot(u - x, v - y) / 2)
    # times are cut to whole seconds, and a stay ends less than two seconds after its last step
    assert gaps[2.0] > 0.9 * len(paces)
    assert max(gaps) <= 4
    # a stay too short for the way to the next zone is walked through faster
    assert sum(pace > 1.2 for pace in paces) < 0.02 * len(paces)


def test_a_walk_ends_where_the_next_stay_begins():
    (first, second) = walk([(0.0, 0.0), (10.0, 0.0)], [(0, 0, 5, 5), (5, 0, 10, 5)], [(0.0, 60.0), (60.0, 80.0)], Chance(1, "walk"))
    assert [stamp for stamp, _ in first] == [2.0 * number for number in range(1, 30)]
    x, y = first[-1][1]
    assert hypot(10 - x, y) <= 2.2 * 1.01
    assert [stamp for stamp, _ in second] == [62.0 + 2 * number for number in range(9)]


def test_the_walked_part_of_a_zone_is_a_tenth_in():
    assert box_of([[0, 0], [10, 0], [10, 20], [0, 20]]) == (1, 2, 9, 18)


def test_an_offered_answer_is_given_for_its_item():
    asked = {"item": "doors", "answers": ["pass", "fail", "not_visible"]}
    given = Counter(_chosen(asked, Chance(1, number))["doors"] for number in range(500))
    assert given["pass"] > 400
    assert given["fail"] > given["not_visible"] > 0
    assert _chosen({"item": "doors"}, Chance(1)) == {}


def test_the_shelf_camera_has_its_slots_in_the_fixtures(ran):
    fixture = next(row for row in ran.store.tables["fixtures"] if isinstance(row.get("slots"), list))
    plan = [row["slot"] for row in ran.store.tables["planogram"] if row["fixture"] == fixture["fixture"]]
    assert [slot["slot"] for slot in fixture["slots"]] == plan
    assert all(0 <= x <= 1 and 0 <= y <= 1 for slot in fixture["slots"] for x, y in slot["polygon"])
    assert fixture["slots"][0]["polygon"] == [[0.0, 0.0], [0.11, 0.0], [0.11, 0.15], [0.0, 0.15]]
