"""Shopping-guide management (导购管理)."""
