"""Delivery platforms."""
