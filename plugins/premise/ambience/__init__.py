"""Ambience (环境氛围管理)."""
