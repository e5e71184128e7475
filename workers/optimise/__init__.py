"""Decisions by calculation: rosters, routes, assignments, queues."""
