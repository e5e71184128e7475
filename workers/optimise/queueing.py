"""Waiting lines by M/M/c: how likely and how long people wait, and how many servers a target asks for.

Arrivals and services are Poisson and exponential, the queue is one and first come first served (Erlang 1917). Rates and times share one
unit of time: arrivals a minute with minutes of service, or a second with seconds.
"""

from __future__ import annotations

import math


def erlang_b(servers: int, load: float) -> float:
    """Probability that all servers are busy when nobody may wait; `load` in erlang (arrivals x service time).

    By the stable recursion B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)).
    """
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = load * blocking / (k + load * blocking)
    return blocking


def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival has to wait; 1 where the load reaches the number of servers."""
    if load <= 0:
        return 0.0
    if servers <= load:
        return 1.0
    blocking = erlang_b(servers, load)
    return servers * blocking / (servers - load * (1 - blocking))


def service_level(servers: int, rate: float, service: float, target_wait: float) -> float:
    """Share of arrivals that wait no longer than `target_wait`: 1 - C(c, a) exp(-(c / s - rate) t)."""
    load = rate * service
    if load <= 0:
        return 1.0
    if servers <= load:
        return 0.0
    return 1.0 - erlang_c(servers, load) * math.exp(-(servers / service - rate) * target_wait)


def servers_needed(rate: float, service: float, target_wait: float, level: float) -> int:
    """The fewest servers, more than the load, whose share within `target_wait` is `level` (below 1) or better; 0 for no arrivals."""
    load = rate * service
    if load <= 0:
        return 0
    servers = math.floor(load) + 1
    while service_level(servers, rate, service, target_wait) < level:
        servers += 1
    return servers


def mean_wait(servers: int, rate: float, service: float) -> float:
    """Mean time in the queue, those who need not wait included; infinite where the load reaches the number of servers."""
    load = rate * service
    if load <= 0:
        return 0.0
    return erlang_c(servers, load) * service / (servers - load) if servers > load else math.inf
