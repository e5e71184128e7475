"""Quotes: intervals by hand, and what is not known is named and never guessed."""

CAMERA = {"kind": "camera", "currency": "CNY", "cost_low": 30000, "cost_high": 50000, "power_low_w": 5, "power_high_w": 10}


def price(designed, **more):
    return designed.ask("PUT", "/prices", {**CAMERA, **more})


def test_a_quote_sums_intervals_and_names_what_it_does_not_know(designed):
    devices = {"cam-1": {"kind": "camera"}, "cam-2": {"kind": "camera"}, "esl-1": {"kind": "esl_gateway"}, "till-1": {"kind": "pos"}}
    designed.stores("q", devices=devices, edge={"cores": 4, "memory_mb": 160})
    assert price(designed).json["version"] == 1
    assert price(designed, kind="esl_gateway", power_low_w=None, power_high_w=None).status_code == 200
    assert (
        price(designed, kind="edge", cost_low=200000, cost_high=400000, power_low_w=20, power_high_w=60, hours_per_day=12).status_code
        == 200
    )
    assert price(designed, kind="pos", currency="EUR").status_code == 200
    told = designed.ask("GET", "/stores/q/quote").json
    by_kind = {one["kind"]: one for one in told["parts"]}
    assert by_kind["camera"]["cost"] == {"low": 60000, "high": 100000}
    # two cameras of 5 to 10 W, day and night: 10 W x 8760 h = 87.6 kWh to 175.2 kWh; the host 20 to 60 W for 12 h a day: 87.6 to 262.8
    assert by_kind["camera"]["energy_kwh_year"] == {"low": 87.6, "high": 175.2}
    assert by_kind["edge"]["energy_kwh_year"] == {"low": 87.6, "high": 262.8}
    assert told["cost"] == {"low": 60000 + 30000 + 200000, "high": 100000 + 50000 + 400000}
    assert told["energy_kwh_year"] == {"low": 175.2, "high": 438.0}
    assert (told["unpriced"], told["unpowered"], told["complete"]) == (["pos"], ["esl_gateway", "pos"], False), (
        "no exchange rate is made up"
    )
    # the base and one light solution: 0.11 cores, 155 MB; up to twice as much
    assert told["cores"] == {"need": {"low": 0.11, "high": 0.22}, "have": 4, "fits": "yes"}
    assert told["memory_mb"] == {"need": {"low": 155, "high": 310}, "have": 160, "fits": "perhaps"}


def test_a_drivers_own_price_comes_before_its_kinds(designed):
    designed.stores("q", devices={"cam-1": {"kind": "camera", "adapter": "onvif_camera"}, "cam-2": {"kind": "camera"}})
    assert price(designed).status_code == 200
    assert price(designed, kind="camera/onvif_camera", cost_low=90000, cost_high=90000).status_code == 200
    told = designed.ask("GET", "/stores/q/quote").json
    assert {one["kind"]: one["priced_as"] for one in told["parts"]} == {
        "camera": "camera",
        "camera/onvif_camera": "camera/onvif_camera",
        "edge": None,
    }
    assert told["lacking"] == ["esl_gateway"], "what a solution needs and the store does not have"
    assert told["cores"]["fits"] == "unknown"
    assert designed.ask("POST", "/prices/remove", {"kind": "camera/onvif_camera", "currency": "CNY"}).status_code == 204
    assert [one["kind"] for one in designed.ask("GET", "/prices").json["items"]] == ["camera"]


def test_a_range_has_two_ends_in_order(designed):
    assert price(designed, cost_low=9, cost_high=8).status_code == 400
    assert price(designed, power_low_w=None).status_code == 400
