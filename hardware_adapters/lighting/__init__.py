"""Lighting."""
