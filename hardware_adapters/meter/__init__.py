"""Meters of electricity, water, gas and heat."""
