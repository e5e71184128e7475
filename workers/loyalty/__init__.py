"""Accounts of members: points, and what they are worth to the books."""
