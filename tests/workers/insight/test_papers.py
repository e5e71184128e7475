"""Papers with an end: what counts, what is renewed, what a hand-in says."""

from datetime import date

from storeloom.workers.insight import papers

JUNE_30, JULY_1, LATER = date(2025, 6, 30), date(2025, 7, 1), date(2030, 6, 30)


def test_a_paper_is_good_on_its_last_day_and_not_before_its_first():
    paper = papers.Paper("document", "food_licence", date(2025, 1, 1), JUNE_30)
    assert [paper.valid(day) for day in (date(2024, 12, 31), JUNE_30, JULY_1)] == [False, True, False]
    assert paper.expired(JULY_1) and not paper.expired(JUNE_30)


def test_a_renewal_counts_where_it_is_later():
    paper = papers.Paper("document", "food_licence", None, JUNE_30)
    assert paper.renewed(LATER).until == LATER
    assert paper.renewed(date(2025, 6, 1)) == paper == paper.renewed(None)
    endless = papers.Paper("document", "lease", None, None)
    assert endless.renewed(LATER) == endless
    assert papers.licence("s1", None).renewed(LATER).valid(JULY_1)


def test_own_papers_are_the_stores_and_the_newest_row_of_each():
    rows = [
        {"document": "food_licence", "kind": "permit", "issued": "2020-07-01", "expires": "2025-06-30"},
        {"document": "food_licence", "kind": "permit", "issued": "2025-06-10", "expires": "2030-06-30"},
        {"document": "r1", "kind": "certificate", "supplier": "s1", "subject": "L1"},
        {"document": "lease", "kind": "contract"},
        {"document": "fire_inspection", "kind": "inspection"},
    ]
    found = papers.own_papers(rows, JUNE_30)
    assert sorted(found) == ["fire_inspection", "food_licence"]
    assert found["food_licence"].until == LATER
    assert papers.own_papers(rows, date(2025, 6, 1))["food_licence"].until == JUNE_30


def test_lifts_and_pressure_vessels_are_inspected_other_assets_are_not():
    rows = [
        {"asset": "lift", "kind": "lift", "verified_to": "2025-06-30"},
        {"asset": "s", "kind": "label_scale", "verified_to": "2025-06-30"},
        {"asset": "tank", "kind": "pressure_vessel", "name": "Tank", "verified_to": "2030-06-30"},
        {"asset": "hoist", "kind": "hoist"},
        {"asset": "oven"},
    ]
    found = {"lift": papers.Paper("asset", "lift", None, JUNE_30), "tank": papers.Paper("asset", "Tank", None, LATER)}
    assert papers.verified_assets(rows) == found


def test_a_licence_without_a_day_is_missing():
    assert papers.licence("s1", {"name": "Hill Farm", "licence_to": "2025-06-30"}) == papers.Paper("supplier", "Hill Farm", None, JUNE_30)
    missing = papers.licence("s1", {"name": "Hill Farm"})
    assert missing.missing and not missing.valid(JULY_1) and not missing.expired(JULY_1)


def test_a_report_is_about_its_batch():
    rows = [{"kind": "certificate", "subject": "L1", "number": "9"}, {"kind": "contract", "number": "L2"}]
    assert papers.has_report(rows, "L1") and papers.has_report(rows, "9") and not papers.has_report(rows, "L2")


def test_the_new_date_of_a_paper_handed_in():
    assert papers.new_date({"expires": "2030-06-30", "issued": "2031-01-01"}) == LATER
    assert papers.new_date({"number": "A-1", "licence_to": "2030-06-30", "issued": "2025-06-10"}) == LATER
    assert papers.new_date({"number": 12}) is None
