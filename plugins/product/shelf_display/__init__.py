"""Shelf display (货架陈列执行)."""
