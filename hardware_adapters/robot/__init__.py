"""Robots: cleaning, shelf-scanning, delivery and guide robots."""
