"""Kiosks: self-checkout, information and ticket screens."""
