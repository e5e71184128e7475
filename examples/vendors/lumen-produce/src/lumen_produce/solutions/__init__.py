"""The solutions of the package."""
