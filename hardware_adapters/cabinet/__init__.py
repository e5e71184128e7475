"""Smart cabinets."""
