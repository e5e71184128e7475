"""In-store experience (用户体验互动)."""
