"""The virtual store: shoppers, stock, sensors and devices from a seed."""

from .facts import Fact
from .formats import default_profile
from .store import VirtualStore
from .tables import default_tables
from .truth import Truth

__all__ = ["Fact", "Truth", "VirtualStore", "default_profile", "default_tables"]
