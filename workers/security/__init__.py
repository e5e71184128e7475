"""Store security: when a store arms, how signals confirm one another, and who may pass a door."""
