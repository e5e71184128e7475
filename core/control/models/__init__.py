"""The tables, one file a group. Every row of a chain carries its `chain` in its key, so that no row can point into another chain's.

Tables check nothing but their keys and constraints; what comes from outside is checked by the models of `api` before.
"""

from storeloom.core.control.models import agents, audit, designs, fleet, identity, packages, pilots, received, releases, reports, rollouts

__all__ = ["agents", "audit", "designs", "fleet", "identity", "packages", "pilots", "received", "releases", "reports", "rollouts"]
