"""The adapters of the package, each beside its twin."""
