"""Parcel and pick-up lockers."""
