"""Listing A/B tests (商品上架A/B测试)."""
