"""Online stores and platforms."""
