"""Fulfilment (前置仓履约)."""
