"""The virtual store: shoppers, stock, sensors and devices from a seed."""

from storeloom.core.virtual.facts import Fact
from storeloom.core.virtual.formats import default_profile
from storeloom.core.virtual.produced import PRODUCED
from storeloom.core.virtual.store import VirtualStore
from storeloom.core.virtual.tables import default_tables
from storeloom.core.virtual.truth import Truth

__all__ = ["PRODUCED", "Fact", "Truth", "VirtualStore", "default_profile", "default_tables"]
