"""Member management (会员管理)."""
