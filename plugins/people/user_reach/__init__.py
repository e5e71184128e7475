"""User reach (用户触达)."""
