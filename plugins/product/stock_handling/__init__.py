"""Stock handling (理货管理)."""
