"""Staff development (员工发展)."""
