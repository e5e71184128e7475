"""A store's status as Prometheus reads it, told back by the client library's own parser."""

import re
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from storeloom.core.kernel.registry import ROOT
from storeloom.core.runtime.metrics import exposition
from storeloom.core.runtime.status import DeviceStatus

CAMERA = DeviceStatus("cam-1", "camera", "degraded", "It broke off.", {"fps": 24.9, "dropped": 3, "hardware": "vaapi"})


@pytest.fixture
def scraped(made_status):
    """Samples by name and labels, and the families, of a status's plain text exposition."""

    def scrape(**more):
        body, content_type = exposition(made_status(**more), 1.5)
        assert content_type.startswith("text/plain")
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        return {(s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples}, families

    return scrape


def instance(name):
    return (("instance", name), ("solution", name))


def test_the_figures_of_an_instance(scraped):
    samples, _ = scraped()
    gap, cold = instance("shelf_gap_camera"), instance("cold_chain_excursion")
    assert samples["storeloom_events_handled_total", *cold] == 1204332
    assert samples["storeloom_outputs_total", *gap] == 20
    assert samples["storeloom_failures_total", *gap] == 9
    assert samples["storeloom_handler_seconds_total", *gap] == 12.18
    assert samples["storeloom_handler_longest_seconds", *cold] == pytest.approx(0.00321)
    assert samples["storeloom_lag_records", *instance("demand_forecast")] == 48211
    assert [samples["storeloom_circuit_open", *one] for one in (gap, cold)] == [1, 0]
    assert [samples["storeloom_behind", *instance(name)] for name in ("demand_forecast", "smart_cart")] == [1, 0]
    assert samples["storeloom_instance_memory_bytes", *gap] == 211.5 * 1024**2
    assert ("storeloom_instance_memory_bytes", *cold) not in samples, "it has no process of its own"
    assert samples["storeloom_instance_info", *sorted([*gap, ("version", "1.0.0"), ("isolation", "process")])] == 1


def test_the_figures_of_the_store(scraped):
    samples, _ = scraped()
    assert samples["storeloom_restarts_total",] == 2
    assert samples["storeloom_log_records_total",] == 1204332
    assert samples["storeloom_log_oldest_sequence",] == 884001
    assert samples["storeloom_log_bytes",] == 412_345_678
    assert samples["storeloom_inbox_facts",] == 3
    assert samples["storeloom_memory_bytes",] == pytest.approx(312.4 * 1024**2)
    assert samples["storeloom_loop_silent_seconds",] == 1.5
    assert samples["storeloom_start_time_seconds",] == 1772445600  # 2026-03-02T10:00:00Z
    assert samples["storeloom_clock_seconds",] == 1772445600 + 3 * 86400 + 4 * 3600 + 12 * 60 + 31
    assert samples["storeloom_troubles",] == 1
    assert samples["storeloom_store_info", ("bundle", "north 1.4.0"), ("store", "store-014")] == 1
    assert [key for key in samples if key[0] == "storeloom_build_info"]


def test_queues_outbox_and_the_way_up(scraped):
    samples, _ = scraped()
    frames, readings = ("stream", "camera.frame"), ("stream", "sensor.reading")
    assert samples["storeloom_queue_dropped_total", frames] == 9120
    assert samples["storeloom_queue_taken_total", frames] == 120443
    assert (samples["storeloom_queue_waiting", frames], samples["storeloom_queue_limit", frames]) == (64, 64)
    assert (samples["storeloom_queue_refused_total", readings], samples["storeloom_queue_late_total", readings]) == (3, 1)
    assert samples["storeloom_outbox_commands", ("status", "dead")] == 1
    assert samples["storeloom_uplink", ("figure", "waiting")] == 1204


def test_devices_and_the_frames_that_an_instance_missed(scraped, made_status):
    one = replace(made_status().instances[0], frames_missed=412)
    samples, families = scraped(instances=(one,), devices=(CAMERA,))
    device = (("device", "cam-1"), ("kind", "camera"))
    assert samples["storeloom_frames_missed_total", *instance("shelf_gap_camera")] == 412
    assert samples["storeloom_device_online", *device] == 0
    assert samples["storeloom_device_figure", *sorted([*device, ("figure", "fps")])] == 24.9
    assert samples["storeloom_device_info", *sorted([*device, ("state", "degraded"), ("hardware", "vaapi")])] == 1
    assert "It broke off" not in str(families), "a reason is no label"


def test_every_metric_is_named_and_described_by_the_rules(scraped):
    _, families = scraped()
    for family in families.values():
        assert re.fullmatch(r"storeloom_[a-z_]+", family.name) and family.documentation.endswith("."), family
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family
        assert not re.search(r"_(ms|mb|millis)", family.name), "base units only"


def test_the_operator_s_page_names_every_metric(scraped):
    page = (ROOT / "docs" / "running-a-store.md").read_text(encoding="utf-8")
    samples, _ = scraped(devices=(CAMERA,))
    names = {key[0] for key in samples}
    assert {name for name in names if f"`{name}" not in page and f"`{name.removeprefix('storeloom')}" not in page} == set()
    told = {name for name in re.findall(r"storeloom_[a-z_]+", page) if not name.endswith("_")}
    assert told - names == set(), "the page's alarms are about metrics that there are"


def test_labels_are_names_never_content(scraped):
    _, families = scraped(troubles=("the member 4711 complains",))
    labels = {label for family in families.values() for sample in family.samples for label in sample.labels}
    assert labels == {"solution", "instance", "version", "isolation", "stream", "status", "figure", "store", "bundle", "python"}
    assert "4711 complains" not in str(families)


def test_quotes_and_lines_in_a_name_do_not_break_the_page(scraped):
    samples, _ = scraped(store='a"b\n\\c')
    assert ("storeloom_store_info", ("bundle", "north 1.4.0"), ("store", 'a"b\n\\c')) in samples


def test_openmetrics_where_the_scraper_asks_for_it(made_status):
    body, content_type = exposition(made_status(), 0.0, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text") and body.endswith(b"# EOF\n")


def test_a_store_without_instances_queues_or_outbox(scraped):
    samples, _ = scraped(instances=(), queues=(), outbox={}, uplink={})
    assert samples["storeloom_log_records_total",] == 1204332
    assert not any("instance" in dict(key[1:]) for key in samples)
