"""Cameras: network and USB cameras, recorded footage."""
