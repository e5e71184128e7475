"""Documentation pages generated from what is installed."""
