"""Promotion evaluation (营促销评估)."""
