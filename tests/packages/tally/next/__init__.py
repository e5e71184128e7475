"""The next version, as a package of its own."""
