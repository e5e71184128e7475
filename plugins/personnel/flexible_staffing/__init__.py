"""Flexible staffing (灵活用工)."""
