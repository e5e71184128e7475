"""Promotions and price labels (促销与价格标签管理)."""
