"""Staff conduct (员工行为管理)."""
