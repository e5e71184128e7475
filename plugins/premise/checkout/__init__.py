"""Checkout (收银结算管理)."""
