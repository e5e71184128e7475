"""Prices of competitors, mentions."""
