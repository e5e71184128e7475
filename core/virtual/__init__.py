"""The virtual store: shoppers, stock, sensors and devices from a seed."""

from .facts import Fact
from .formats import default_profile
from .produced import PRODUCED
from .store import VirtualStore
from .tables import default_tables
from .truth import Truth

__all__ = ["PRODUCED", "Fact", "Truth", "VirtualStore", "default_profile", "default_tables"]
