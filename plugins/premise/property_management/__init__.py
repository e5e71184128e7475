"""Property management (物业管理)."""
