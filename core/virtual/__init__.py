"""The virtual store: shoppers, stock, sensors and devices from a seed. What is named here is imported when it is first asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storeloom.core.virtual.facts import Fact
    from storeloom.core.virtual.formats import default_profile
    from storeloom.core.virtual.produced import PRODUCED
    from storeloom.core.virtual.store import VirtualStore
    from storeloom.core.virtual.tables import default_tables
    from storeloom.core.virtual.truth import Truth

__all__ = ["PRODUCED", "Fact", "Truth", "VirtualStore", "default_profile", "default_tables"]
_HOME = {
    "PRODUCED": "produced",
    "Fact": "facts",
    "Truth": "truth",
    "VirtualStore": "store",
    "default_profile": "formats",
    "default_tables": "tables",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
