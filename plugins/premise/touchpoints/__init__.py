"""Touchpoints (触点管理)."""
