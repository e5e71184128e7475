"""Cameras: recorded footage."""
