"""The virtual store: shoppers, stock, sensors and devices from a seed."""
