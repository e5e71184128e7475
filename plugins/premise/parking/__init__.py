"""Parking (停车管理)."""
