"""Value-added services (增值服务)."""
