"""Relays: contactors, valves, mains sockets."""
