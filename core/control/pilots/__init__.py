"""Pilot projects: registered, estimated, reviewed, run, evaluated, decided."""
