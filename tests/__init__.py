"""The tests; a package, so that no other `tests` that a library brings along stands in its place."""
