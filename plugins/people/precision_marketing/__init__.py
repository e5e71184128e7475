"""Precision marketing (精准营销)."""
