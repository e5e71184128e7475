"""Cold cabinets, cold rooms and their racks."""
