"""Merchant planning (商户规划)."""
