"""A store's status in the Prometheus exposition format.

Names and units follow the format's conventions: base units (seconds, bytes), counters that end in `_total`, facts that are text as labels
of an `_info` metric. Labels are bounded: names of instances, solutions, streams, devices and their figures, outbox statuses; never an
event's content.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from storeloom.core import __version__
from storeloom.core.kernel.events import parse_time
from storeloom.core.runtime.status import InstanceStatus, QueueStatus, StoreStatus

MIB = 1 << 20  # a status tells memory in these

Reading = Callable[[InstanceStatus], float | None]
INSTANCE_COUNTERS: tuple[tuple[str, str, Reading], ...] = (
    ("storeloom_events_handled", "Events that the instance has handled since the store started.", lambda one: one.handled),
    ("storeloom_outputs", "Events that the instance has put out.", lambda one: one.outputs),
    ("storeloom_failures", "Events on which the instance has failed.", lambda one: one.failures),
    ("storeloom_handler_seconds", "Time that the instance's handlers have taken.", lambda one: one.busy_s),
    ("storeloom_frames_missed", "Camera frames that came while the instance was behind.", lambda one: one.frames_missed),
)
INSTANCE_GAUGES: tuple[tuple[str, str, Reading], ...] = (
    ("storeloom_lag_records", "Log records that the instance has yet to take.", lambda one: one.lag),
    ("storeloom_handler_longest_seconds", "Longest time that one handler of the instance has taken.", lambda one: one.longest_ms / 1000),
    ("storeloom_circuit_open", "1 while the instance rests after failures, else 0.", lambda one: one.health == "resting"),
    ("storeloom_behind", "1 while the instance is behind the log, else 0.", lambda one: one.health == "behind"),
    (
        "storeloom_instance_memory_bytes",
        "Resident memory of the instance's own process; absent when it shares the store's.",
        lambda one: None if one.memory_mb is None else one.memory_mb * MIB,
    ),
)
QUEUE_COUNTERS: tuple[tuple[str, str, Callable[[QueueStatus], int]], ...] = (
    ("storeloom_queue_taken", "Facts of the stream that were taken in.", lambda queue: queue.taken),
    ("storeloom_queue_dropped", "Facts of the stream that were dropped or thinned out on the way in.", lambda queue: queue.dropped),
    ("storeloom_queue_refused", "Facts of the stream that did not fit its schema.", lambda queue: queue.refused),
    ("storeloom_queue_late", "Facts of the stream that came too late to be told from repeats.", lambda queue: queue.late),
)
QUEUE_GAUGES: tuple[tuple[str, str, Callable[[QueueStatus], int]], ...] = (
    ("storeloom_queue_waiting", "Facts of the stream that wait to be taken.", lambda queue: queue.waiting),
    ("storeloom_queue_limit", "How many facts of the stream may wait.", lambda queue: queue.limit),
)


class StatusCollector(Collector):
    """Turns one status into metrics; `silent_s` are the seconds since the loop last moved."""

    def __init__(self, status: StoreStatus, silent_s: float) -> None:
        self._status = status
        self._silent_s = silent_s

    def collect(self) -> Iterable[Metric]:
        yield from self._store()
        yield from self._instances()
        yield from self._queues()
        yield from self._devices()

    def _store(self) -> Iterator[Metric]:
        status = self._status
        yield InfoMetricFamily("storeloom_build", "Version of storeloom.", {"version": __version__, "python": platform.python_version()})
        yield InfoMetricFamily("storeloom_store", "The store and its bundle.", {"store": status.store, "bundle": status.bundle})
        yield CounterMetricFamily("storeloom_restarts", "How often the keeper has restarted the store's process.", status.restarts)
        yield CounterMetricFamily("storeloom_log_records", "Records that the store log ever took: its newest sequence.", status.last)
        for name, words, value in (
            ("storeloom_start_time_seconds", "When the store's process started, since 1970.", parse_time(status.since).timestamp()),
            ("storeloom_clock_seconds", "The store's own clock, since 1970.", parse_time(status.now).timestamp()),
            ("storeloom_loop_silent_seconds", "Time since the store's loop last moved.", self._silent_s),
            ("storeloom_log_bytes", "Size of the store log with its write-ahead file.", status.log_bytes),
            ("storeloom_log_oldest_sequence", "Oldest record that the store log keeps.", status.oldest),
            ("storeloom_inbox_facts", "Facts accepted but not yet handled.", status.inbox),
            ("storeloom_memory_bytes", "Resident memory of the store's process.", status.memory_mb * MIB),
            ("storeloom_troubles", "Troubles that the store tells of now.", len(status.troubles)),
        ):
            yield GaugeMetricFamily(name, words, value)
        outbox = GaugeMetricFamily("storeloom_outbox_commands", "Commands to devices by status.", labels=("status",))
        for name, count in sorted(status.outbox.items()):
            outbox.add_metric((name,), count)
        uplink = GaugeMetricFamily("storeloom_uplink", "Figures of the way up; `waiting` is its backlog.", labels=("figure",))
        for name, count in sorted(status.uplink.items()):
            uplink.add_metric((name,), count)
        yield from (outbox, uplink)

    def _instances(self) -> Iterator[Metric]:
        labels = ("solution", "instance")
        about = InfoMetricFamily("storeloom_instance", "What each instance is.", labels=labels)
        for one in self._status.instances:
            about.add_metric((one.solution, one.name), {"version": one.version, "isolation": one.isolation})
        yield about
        for kind, rows in ((CounterMetricFamily, INSTANCE_COUNTERS), (GaugeMetricFamily, INSTANCE_GAUGES)):
            for name, words, reading in rows:
                family = kind(name, words, labels=labels)
                for one in self._status.instances:
                    value = reading(one)
                    if value is not None:
                        family.add_metric((one.solution, one.name), float(value))
                yield family

    def _queues(self) -> Iterator[Metric]:
        for kind, rows in ((CounterMetricFamily, QUEUE_COUNTERS), (GaugeMetricFamily, QUEUE_GAUGES)):
            for name, words, reading in rows:
                family = kind(name, words, labels=("stream",))
                for queue in self._status.queues:
                    family.add_metric((queue.stream,), reading(queue))
                yield family

    def _devices(self) -> Iterator[Metric]:
        """Of every device whose driver can tell: whether it is online, its figures, and what of them are words."""
        labels = ("kind", "device")
        online = GaugeMetricFamily("storeloom_device_online", "1 while the device is online, else 0.", labels=labels)
        about = InfoMetricFamily("storeloom_device", "What each device says of itself in words.", labels=labels)
        figures = GaugeMetricFamily("storeloom_device_figure", "A figure that the device's driver tells.", labels=(*labels, "figure"))
        for one in self._status.devices:
            online.add_metric((one.kind, one.device), one.state == "online")
            words = {name: value for name, value in one.figures.items() if isinstance(value, str)}
            about.add_metric((one.kind, one.device), {"state": one.state, **words})
            for name, value in one.figures.items():
                if not isinstance(value, str):
                    figures.add_metric((one.kind, one.device, name), value)
        yield from (online, about, figures)


def exposition(status: StoreStatus, silent_s: float, accept: str = "") -> tuple[bytes, str]:
    """The metrics as a scrape reads them, and their content type: OpenMetrics where `accept` asks for it, else the plain text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status, silent_s))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type
