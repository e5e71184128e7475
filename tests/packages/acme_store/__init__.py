"""A vendor's package as the tests install it."""
