"""Loss prevention (防损管理)."""
