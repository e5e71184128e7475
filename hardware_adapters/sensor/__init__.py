"""Sensors: temperature, humidity, doors, leaks and the like."""
