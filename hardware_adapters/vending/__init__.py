"""Vending machines."""
