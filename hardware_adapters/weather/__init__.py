"""Weather services and files."""
