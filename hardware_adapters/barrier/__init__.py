"""Barriers of car parks."""
