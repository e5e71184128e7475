"""Shelf gaps and replenishment (货架缺货补货管理)."""
