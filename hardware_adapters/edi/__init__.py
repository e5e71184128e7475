"""Messages between a store and its suppliers."""
