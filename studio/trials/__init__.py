"""Trials that the studio runs: each in a process of its own (`child`), kept in a folder (`jobs`), read back as a view of plain values
(`view`) and shown (`show`)."""
