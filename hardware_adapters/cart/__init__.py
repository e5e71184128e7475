"""Screens on shopping carts."""
