"""Weighing (商品称重管理)."""
