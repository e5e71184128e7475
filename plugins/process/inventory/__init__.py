"""Inventory (库存管理)."""
