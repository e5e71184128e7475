"""Staffing and shifts (员工优化与排班)."""
