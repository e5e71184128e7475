"""Network devices."""
