"""Heating, ventilation and air conditioning."""
