"""Gateways of electronic shelf labels."""
