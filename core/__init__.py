"""storeloom core: kernel, runtime, virtual store, control plane and agent; and, by name, what vendors and integrators may build upon.

`from storeloom.core import Solution, on, out` and the other names of `__all__` are the stable surface: they change only as
docs/stability.md promises. Whatever is imported from a module below this one may change with any version. A name's module is imported when
the name is first used, so that the command line starts without it. What drivers share stands in `storeloom.hardware_adapters.links`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storeloom.core.deprecation import lazily

if TYPE_CHECKING:
    from storeloom.core.kernel.adapter import Adapter, AdapterContext, Code, DeviceError, Found, Health, Receipt
    from storeloom.core.kernel.compose import Composition, compose
    from storeloom.core.kernel.contract import Due, Kpi, Problem, Solution, SolutionConfig, every, kpi, on, on_table, setting, timer
    from storeloom.core.kernel.errors import Finding, StoreloomError
    from storeloom.core.kernel.events import Event, Fact, Out, draw, out, parse_time, plain
    from storeloom.core.kernel.hooks import hookimpl
    from storeloom.core.kernel.registry import Catalogue, Entry, Package, Registry, read_catalogue
    from storeloom.core.virtual.episode import EpisodeResult, find_episodes, run_episode

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "AdapterContext",
    "Catalogue",
    "Code",
    "Composition",
    "DeviceError",
    "Due",
    "Entry",
    "EpisodeResult",
    "Event",
    "Fact",
    "Finding",
    "Found",
    "Health",
    "Kpi",
    "Out",
    "Package",
    "Problem",
    "Receipt",
    "Registry",
    "Solution",
    "SolutionConfig",
    "StoreloomError",
    "__version__",
    "compose",
    "draw",
    "every",
    "find_episodes",
    "hookimpl",
    "kpi",
    "on",
    "on_table",
    "out",
    "parse_time",
    "plain",
    "read_catalogue",
    "run_episode",
    "setting",
    "timer",
]

if not TYPE_CHECKING:  # where the names above are at home; a type checker knows, and should complain of any other
    __getattr__ = lazily(
        __name__,
        {
            "kernel.adapter": "Adapter AdapterContext Code DeviceError Found Health Receipt",
            "kernel.compose": "Composition compose",
            "kernel.contract": "Due Kpi Problem Solution SolutionConfig every kpi on on_table setting timer",
            "kernel.errors": "Finding StoreloomError",
            "kernel.events": "Event Fact Out draw out parse_time plain",
            "kernel.hooks": "hookimpl",
            "kernel.registry": "Catalogue Entry Package Registry read_catalogue",
            "virtual.episode": "EpisodeResult find_episodes run_episode",
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
