"""The vendor's solutions."""
