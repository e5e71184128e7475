"""Dining area (餐饮区管理)."""
